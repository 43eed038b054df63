import { type Checkpoint, sameShape, type Tensor } from "../core/index.ts";
import { isMeasurable } from "../execute/index.ts";
import { tensorNamed } from "./base-source.ts";
import { inspect } from "./bits.ts";
import type { Host } from "./host.ts";
import type { MovedInspection } from "./inspection.ts";
import type { RunOptions } from "./options.ts";
import { kindOf } from "./tensor-totals.ts";

/**
 * Compares every base parameter of a checkpoint, its adapters' replacements among them, with those of a base: bit for bit,
 * or by value where one is kept in another float type. Reads all that is in both.
 * @throws what reading throws; InterruptedError TENON_INTERRUPTED
 */
export async function inspectMoved(
  host: Host,
  checkpoint: Checkpoint,
  standing: Checkpoint,
  options: RunOptions,
): Promise<MovedInspection> {
  const ours = parametersOf(checkpoint);
  const added: string[] = [];
  const reshaped: MovedInspection["reshaped"][number][] = [];
  const pairs: Pair[] = [];
  for (const [name, tensor] of ours) {
    const against = tensorNamed(standing.base, name);
    if (against === undefined) added.push(name);
    else if (!sameShape(tensor.shape, against.shape))
      reshaped.push({ name, shape: tensor.shape, baseShape: against.shape });
    else pairs.push({ name, tensor, against });
  }
  const changed = await changedOf(host, pairs, [checkpoint, standing], options);
  const { tensors, isComplete, ties } = checkpoint.base ?? {};
  const isThere = (name: string): boolean => tensors?.has(name) === true || ties?.has(name) === true;
  return {
    base: standing.location,
    compared: pairs.length,
    equal: pairs.length - changed.size,
    changed: changed.size,
    kinds: kindsMoved(pairs, changed),
    changedNames: pairs.filter(({ name }) => changed.has(name)).map(({ name }) => name),
    addedNames: added,
    missingNames: isComplete
      ? [...(standing.base?.tensors.keys() ?? [])].filter((name) => !isThere(name))
      : [],
    reshaped,
  };
}

interface Pair {
  readonly name: string;
  readonly tensor: Tensor;
  readonly against: Tensor;
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
  pairs: readonly Pair[],
  sources: readonly Checkpoint[],
  options: RunOptions,
): Promise<ReadonlySet<string>> {
  const comparable = pairs.filter(isComparable);
  const outcomes = await inspect(
    host,
    comparable.map(({ name, tensor, against }) => ({ kind: "inspect", name, tensor, against, scan: false })),
    sources,
    options,
    "inspect",
  );
  const changed = new Set(pairs.filter((pair) => !isComparable(pair)).map(({ name }) => name));
  for (const [index, { name }] of comparable.entries())
    if ((outcomes[index]?.different ?? 0) > 0) changed.add(name);
  return changed;
}

/** Other pairs of types, an integer and a float, are different whatever their bits. */
function isComparable({ tensor, against }: Pair): boolean {
  return tensor.dtype === against.dtype || (isMeasurable(tensor.dtype) && isMeasurable(against.dtype));
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
