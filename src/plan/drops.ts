import { canonicalName } from "../adapters/index.ts";
import {
  type AdapterComponent,
  type Checkpoint,
  type Entry,
  type Observation,
  UsageError,
} from "../core/index.ts";
import { hasMasters } from "./carry-masters.ts";

/** A checkpoint, as far as plans look at it. */
export type Components = Pick<
  Checkpoint,
  "location" | "layout" | "base" | "adapters" | "optimizer" | "trainer" | "entries" | "observations"
>;

/** An optimizer that is there and could not be read at all. */
export const unreadOptimizer = "TENON_ZERO_OPTIMIZER_UNNAMED";

/** What reading found of a run's state and made nothing of: a document, or a part of one, by name. */
export const leftDocuments: ReadonlySet<string> = new Set([
  "TENON_TRAINING_DOCUMENT_LEFT",
  "TENON_DCP_OBJECTS_LEFT",
  "TENON_ZERO_RUN_STATE_PASSED_OVER",
]);

const componentNames = ["base", "adapters", "optimizer", "masters", "trainer"] as const;

export type ComponentName = (typeof componentNames)[number];

/**
 * What a user asked to leave out: components, one adapter as `adapter:NAME`, one document of the trainer's state by its file
 * name, or parameters by their canonical name or the name they are stored under. A parameter that an adapter carries whole also goes by `<adapter>:<parameter>`.
 */
export class Drops {
  readonly #components = new Set<string>();
  readonly #adapters = new Set<string>();
  readonly #parameters = new Set<string>();
  readonly #documents = new Set<string>();

  /** @throws UsageError TENON_DROP_UNKNOWN for a name that matches nothing */
  constructor(names: readonly string[], source: Components, verb: string) {
    const known = names.some((name) => !isComponent(name, source)) ? namesIn(source) : new Set<string>();
    for (const name of names) {
      const adapter = name.startsWith("adapter:") ? name.slice("adapter:".length) : undefined;
      if (isComponent(name, source)) this.#components.add(name);
      else if (adapter !== undefined && source.adapters.has(adapter)) this.#adapters.add(adapter);
      else if (known.has(name)) this.#parameters.add(name);
      else if (isDocument(name, source)) this.#documents.add(name);
      else throw unknownDrop(name, source, verb);
    }
  }

  component(name: ComponentName): boolean {
    return this.#components.has(name);
  }

  document(name: string): boolean {
    return this.component("trainer") || this.#documents.has(name);
  }

  adapter(name: string): boolean {
    return this.#components.has("adapters") || this.#adapters.has(name);
  }

  /** Whether one name of a parameter was given. */
  parameter(...names: readonly string[]): boolean {
    return names.some((name) => this.#parameters.has(name));
  }

  /** An entry of an adapter, or with `owner` undefined of the model. */
  entry(entry: Entry, owner: string | undefined): boolean {
    return this.#parameters.size > 0 && this.parameter(...namesOf(entry, owner));
  }
}

function isComponent(name: string, source: Components): name is ComponentName {
  if (name === "adapters") return source.adapters.size > 0;
  if (name === "base") return source.base !== undefined || [...source.adapters.values()].some(carriesBase);
  if (name === "masters") return hasMasters(source);
  if (name === "optimizer" && source.observations.some(({ code }) => code === unreadOptimizer)) return true;
  if (name === "trainer" && source.observations.some(({ code }) => leftDocuments.has(code))) return true;
  return (name === "optimizer" || name === "trainer") && source[name] !== undefined;
}

/** Also a document that was left unread: it may be named before anything is carried. */
function isDocument(name: string, { trainer, observations }: Components): boolean {
  const isLeft = ({ code, names }: Observation): boolean => leftDocuments.has(code) && names.includes(name);
  return trainer?.documents.has(name) === true || observations.some(isLeft);
}

/** Whether an adapter's file holds base parameters that were trained. */
export function carriesBase({ replacements }: AdapterComponent): boolean {
  return replacements.some(({ kind }) => kind === "trainedBase");
}

function namesOf({ meaning, tensor }: Entry, owner: string | undefined): string[] {
  const canonical = canonicalName(owner === undefined ? meaning : { ...meaning, adapter: owner });
  const names = [canonical, tensor.name];
  return owner === undefined || canonical.startsWith(`${owner}:`)
    ? names
    : [...names, `${owner}:${canonical}`];
}

function namesIn(source: Components): Set<string> {
  const owners = new Map<string, string>();
  for (const [name, { entries }] of source.adapters)
    for (const { tensor } of entries) owners.set(tensor.id, name);
  const names = new Set([...(source.base?.tensors.keys() ?? []), ...(source.base?.ties.keys() ?? [])]);
  const entries = [...source.entries, ...[...source.adapters.values()].flatMap((adapter) => adapter.entries)];
  for (const entry of entries)
    for (const name of namesOf(entry, owners.get(entry.tensor.id))) names.add(name);
  return names;
}

function unknownDrop(name: string, source: Components, verb: string): UsageError {
  const components = componentNames.filter((each) => isComponent(each, source));
  const allowed = [...components, ...[...source.adapters.keys()].map((each) => `adapter:${each}`)];
  const message = `${verb}: --drop ${JSON.stringify(name)} matches nothing; there are ${allowed.join(", ")} and the parameters by name (${source.location})`;
  return new UsageError("TENON_DROP_UNKNOWN", message, {
    details: { name, components: allowed },
    hint: "Give a name as tenon inspect --json lists it.",
  });
}
