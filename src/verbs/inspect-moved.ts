import { type Checkpoint, PlanError, sameShape, type Tensor } from "../core/index.ts";
import { type InspectTask, inspectTensors, isMeasurable } from "../execute/index.ts";
import type { Host, Source } from "./host.ts";
import type { MovedInspection } from "./inspection.ts";
import { openSource } from "./open.ts";
import type { ReadOptions, RunOptions } from "./options.ts";
import { planRun } from "./run.ts";
import { kindOf } from "./tensor-totals.ts";

/**
 * Compares every base parameter of a checkpoint, its adapters' replacements among them, with those of a base: bit for bit,
 * or by value where one is kept in another float type. Reads all that is in both.
 * @throws PlanError TENON_BASE_MISSING when `base` holds no base parameters; what opening and reading throw
 */
export async function inspectMoved(
  host: Host,
  checkpoint: Checkpoint,
  base: Source,
  options: ReadOptions & RunOptions,
): Promise<MovedInspection> {
  const { formats, layouts, signal } = options;
  const standing = await openSource(host, base, {
    ...(formats && { formats }),
    ...(layouts && { layouts }),
    ...(signal && { signal }),
  });
  try {
    const { tensors: theirs, ties } = requireBase(standing);
    const ours = parametersOf(checkpoint);
    const added: string[] = [];
    const reshaped: MovedInspection["reshaped"][number][] = [];
    const pairs: { name: string; tensor: Tensor; against: Tensor }[] = [];
    for (const [name, tensor] of ours) {
      const against = theirs.get(name) ?? theirs.get(ties.get(name) ?? name);
      if (against === undefined) added.push(name);
      else if (!sameShape(tensor.shape, against.shape))
        reshaped.push({ name, shape: tensor.shape, baseShape: against.shape });
      else pairs.push({ name, tensor, against });
    }
    const changed = await changedOf(host, pairs, options);
    const isComplete = checkpoint.base?.isComplete === true;
    const known = new Set([...ours.keys(), ...(checkpoint.base?.ties.keys() ?? [])]);
    return {
      base: standing.location,
      compared: pairs.length,
      equal: pairs.length - changed.size,
      changed: changed.size,
      kinds: kindsMoved(pairs, changed),
      changedNames: pairs.filter(({ name }) => changed.has(name)).map(({ name }) => name),
      addedNames: added,
      missingNames: isComplete ? [...theirs.keys()].filter((name) => !known.has(name)) : [],
      reshaped,
    };
  } finally {
    await standing.close();
  }
}

function requireBase({ base, location }: Checkpoint): NonNullable<Checkpoint["base"]> {
  if (base !== undefined) return base;
  throw new PlanError(
    "TENON_BASE_MISSING",
    `inspect: there are no base parameters to compare with (${location})`,
    {
      details: { base: location },
      hint: "Give the directory of the base model.",
    },
  );
}

/** Base parameters by canonical name, wherever they are kept. */
function parametersOf({ base, adapters }: Checkpoint): ReadonlyMap<string, Tensor> {
  const all = new Map(base?.tensors ?? []);
  for (const { replacements } of adapters.values())
    for (const { parameter, tensor } of replacements) all.set(parameter, tensor);
  return all;
}

async function changedOf(
  host: Host,
  pairs: readonly { readonly name: string; readonly tensor: Tensor; readonly against: Tensor }[],
  options: RunOptions,
): Promise<ReadonlySet<string>> {
  const isComparable = ({ tensor: { dtype }, against }: (typeof pairs)[number]): boolean =>
    dtype === against.dtype || (isMeasurable(dtype) && isMeasurable(against.dtype));
  const comparable = pairs.filter(isComparable);
  const tasks = comparable.map(
    ({ name, tensor, against }): InspectTask => ({
      kind: "inspect",
      name,
      tensor: metaOf(tensor),
      against: metaOf(against),
      scan: false,
    }),
  );
  const byId = new Map(
    comparable.flatMap(({ tensor, against }) => [
      [tensor.id, tensor],
      [against.id, against],
    ]),
  );
  const { onProgress, signal } = options;
  const { kernelBytes, runInThreads } = planRun(host, options);
  const outcomes = await inspectTensors(tasks, {
    resolve: (id) => byId.get(id) as Tensor,
    kernelBytes,
    ...(runInThreads && { runInThreads }),
    task: "inspect",
    digest: "none",
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
  const changed = new Set(pairs.filter((pair) => !isComparable(pair)).map(({ name }) => name));
  for (const [index, { name }] of comparable.entries())
    if ((outcomes[index]?.different ?? 0) > 0) changed.add(name);
  return changed;
}

/** What may cross to a thread. */
function metaOf({ id, name, dtype, shape, byteLength }: Tensor): InspectTask["tensor"] {
  return { id, name, dtype, shape, byteLength };
}

function kindsMoved(
  pairs: readonly { readonly name: string }[],
  changed: ReadonlySet<string>,
): MovedInspection["kinds"] {
  const kinds = new Map<string, { compared: number; changed: number }>();
  for (const { name } of pairs) {
    const kind = kindOf(name);
    const sum = kinds.get(kind) ?? { compared: 0, changed: 0 };
    sum.compared += 1;
    if (changed.has(name)) sum.changed += 1;
    kinds.set(kind, sum);
  }
  return [...kinds].map(([kind, sum]) => ({ kind, ...sum }));
}
