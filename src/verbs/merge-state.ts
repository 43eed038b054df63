import { memorySink, memoryTree } from "../bytes/index.ts";
import type { AdapterComponent, BaseComponent, Checkpoint, Recipe, Tensor } from "../core/index.ts";
import { isTenonError } from "../core/index.ts";
import type { MergeState } from "../doctor/index.ts";
import { executeFiles, inspectTensors } from "../execute/index.ts";
import { safetensors } from "../formats/index.ts";
import { planMerge } from "../plan/index.ts";
import type { Host } from "./host.ts";
import type { RunOptions } from "./options.ts";
import { planRun } from "./run.ts";
import { resolver } from "./write-draft.ts";

export interface MergeStateInput {
  /** The base that was given. */
  readonly base: BaseComponent;
  /** Canonical name → tensor of the source. */
  readonly own: ReadonlyMap<string, Tensor>;
  readonly adapter: AdapterComponent;
  /** Parameters that differ from the base, as canonical names. */
  readonly moved: ReadonlySet<string>;
  readonly sources: readonly Checkpoint[];
}

/** Most bytes of base tensors that are merged in memory to find out; the smallest are taken. */
const probeBytes = 32 * 1024 * 1024;
const probeCount = 4;
/**
 * ‖W − M‖² / ‖M − W₀‖² below which W is the merge M but for rounding. One delta too few or too many gives 1 or 0.25, and
 * training that stays within a twentieth of its delta cannot be told from rounding.
 */
const likeness = 0.05;

/**
 * Merges a few of the adapted parameters in memory, once and twice, and says which of them the source holds.
 * `unknown` when no adapted parameter can be merged (no config, or an adapter that no weight can hold).
 */
export async function mergeStateOf(
  host: Host,
  input: MergeStateInput,
  options: RunOptions,
): Promise<MergeState> {
  const recipes = recipesOf(input);
  if (recipes === undefined) return "unknown";
  const adapted = [...recipes.once.keys()];
  if (adapted.length === 0) return "unknown";
  if (adapted.every((name) => !input.moved.has(name))) return "unmerged";
  const probes = smallest(
    adapted.filter((name) => input.moved.has(name)),
    recipes.once,
  );
  for (const [times, state] of [
    ["once", "merged"],
    ["twice", "twice"],
  ] as const) {
    const likes = await likenesses(host, probes, recipes[times], input, options);
    if (likes.every((like) => like < likeness)) return state;
  }
  return "neither";
}

interface Recipes {
  readonly once: ReadonlyMap<string, Recipe>;
  readonly twice: ReadonlyMap<string, Recipe>;
}

/** Canonical name → how the base's tensor is merged, for parameters that an adapter adds to. */
function recipesOf({ base, adapter, own }: MergeStateInput): Recipes | undefined {
  const choice = { label: adapter.name, source: "the adapter", adapter, weight: 1, hasResidualBase: true };
  const again = { ...choice, label: `${adapter.name} again` };
  const bases = [{ label: "the base", base }];
  const merged = (adapters: readonly (typeof choice)[]): ReadonlyMap<string, Recipe> => {
    const plan = planMerge({ bases, adapters, companions: [], origin: {} }, { allowUnmatched: true });
    const all = plan.draft.base?.tensors ?? new Map<string, Recipe>();
    return new Map(
      [...all].filter(
        ([name, { steps }]) => own.has(name) && steps.some(({ kind }) => kind !== "replaceRows"),
      ),
    );
  };
  try {
    return { once: merged([choice]), twice: merged([choice, again]) };
  } catch (error) {
    if (isTenonError(error)) return undefined;
    throw error;
  }
}

function smallest(names: readonly string[], recipes: ReadonlyMap<string, Recipe>): string[] {
  const bytes = (name: string): number => recipes.get(name)?.source.byteLength ?? 0;
  const chosen: string[] = [];
  let left = probeBytes;
  for (const name of [...names].sort((one, other) => bytes(one) - bytes(other)).slice(0, probeCount)) {
    left -= bytes(name);
    if (left < 0 && chosen.length > 0) break;
    chosen.push(name);
  }
  return chosen;
}

async function likenesses(
  host: Host,
  probes: readonly string[],
  recipes: ReadonlyMap<string, Recipe>,
  { own, sources }: MergeStateInput,
  options: RunOptions,
): Promise<readonly number[]> {
  const { kernelBytes, factorBytes } = planRun(host, options);
  const resolve = resolver(sources);
  const entries = probes.map((name) => ({ name, recipe: recipes.get(name) as Recipe }));
  const sink = memorySink();
  await executeFiles([{ kind: "tensors", path: "probe", format: safetensors.name, entries, metadata: {} }], {
    formats: [safetensors],
    resolve,
    sink,
    job: { accumulate: "muladd", digest: "none", prove: "none", factorBytes },
    kernelBytes,
    task: "compare",
    ...(options.signal && { signal: options.signal }),
  });
  await sink.commit();
  const probe = await memoryTree(sink.files).open("probe");
  const made = new Map((await safetensors.open(probe)).tensors.map((tensor) => [tensor.name, tensor]));
  const tasks = probes.flatMap((name) => {
    const tensor = made.get(name) as Tensor;
    const base = (recipes.get(name) as Recipe).source;
    const shared = { kind: "inspect", name, scan: false, measureAll: true } as const;
    return [
      { ...shared, tensor: own.get(name) as Tensor, against: tensor },
      { ...shared, tensor, against: base },
    ];
  });
  const outcomes = await inspectTensors(tasks, {
    digest: "none",
    resolve: (id) => [...made.values()].find((tensor) => tensor.id === id) ?? resolve(id),
    kernelBytes,
    task: "compare",
    ...(options.signal && { signal: options.signal }),
  });
  return probes.map((_, at) => {
    const [rest, delta] = [outcomes[2 * at]?.sumSquares ?? 0, outcomes[2 * at + 1]?.sumSquares ?? 0];
    return delta === 0 ? Number.POSITIVE_INFINITY : rest / delta;
  });
}
