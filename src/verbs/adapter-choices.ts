import { type AdapterComponent, type Checkpoint, UsageError } from "../core/index.ts";
import type { AdapterChoice } from "../plan/index.ts";

/** An adapter to merge, by name or label, and its weight. */
export interface AdapterWish {
  readonly name: string;
  /** Default 1. */
  readonly weight?: number;
}

interface Found {
  readonly label: string;
  readonly source: Checkpoint;
  readonly adapter: AdapterComponent;
}

/**
 * Which adapters are merged, in which order. Those wished for; without a wish the only one of each source, since several
 * adapters of one source are alternatives as often as layers.
 * @throws UsageError TENON_ADAPTER_NOT_FOUND, TENON_ADAPTER_WANTED
 */
export function chooseAdapters(
  sources: readonly Checkpoint[],
  wishes: readonly AdapterWish[] | undefined,
): readonly AdapterChoice[] {
  const found = labelled(sources);
  if (wishes !== undefined && wishes.length > 0) return wishes.map((wish) => wished(found, wish));
  for (const source of sources) {
    if (source.adapters.size < 2) continue;
    const names = found.filter((one) => one.source === source).map(({ label }) => label);
    throw new UsageError(
      "TENON_ADAPTER_WANTED",
      `merge: ${names.length} adapters are stored, and none is chosen: ${names.join(", ")} (${source.location})`,
      {
        details: { adapters: names, source: source.location },
        hint: `Choose: ${names.map((name) => `--adapter ${name}`).join(" or ")}. Several are merged in the order given.`,
      },
    );
  }
  return found.map((one) => choice(one, 1));
}

function wished(found: readonly Found[], { name, weight = 1 }: AdapterWish): AdapterChoice {
  const one = found.find(({ label }) => label === name) ?? found.find(({ adapter }) => adapter.name === name);
  if (one !== undefined) return choice(one, weight);
  const names = found.map(({ label }) => label);
  throw new UsageError(
    "TENON_ADAPTER_NOT_FOUND",
    `merge: there is no adapter ${JSON.stringify(name)}, there ${names.length === 1 ? "is" : "are"} ${names.join(", ") || "none"}`,
    { details: { adapter: name, allowed: names }, hint: "Name one of them." },
  );
}

function choice({ label, source, adapter }: Found, weight: number): AdapterChoice {
  return { label, source: source.location, adapter, weight };
}

/** An adapter is called by its name; where sources share a name, by that of its directory; then by a number. */
function labelled(sources: readonly Checkpoint[]): Found[] {
  const all = sources.flatMap((source) =>
    [...source.adapters.values()].map((adapter) => ({ source, adapter })),
  );
  const uses = new Map<string, number>();
  for (const { adapter } of all) uses.set(adapter.name, (uses.get(adapter.name) ?? 0) + 1);
  const taken = new Set<string>();
  return all.map(({ source, adapter }) => {
    const isShared = (uses.get(adapter.name) ?? 0) > 1;
    const directory = source.location.replace(/[/\\]+$/, "").replace(/^.*[/\\]/, "");
    const wanted = isShared
      ? adapter.name === "default"
        ? directory
        : `${directory}:${adapter.name}`
      : adapter.name;
    let label = wanted;
    for (let n = 2; taken.has(label); n++) label = `${wanted}#${n}`;
    taken.add(label);
    return { label, source, adapter };
  });
}
