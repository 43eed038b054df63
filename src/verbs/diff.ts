import { bitsOf, type Checkpoint, elementCount, sameShape } from "../core/index.ts";
import { type InspectTask, isMeasurable, type Outcome } from "../execute/index.ts";
import { inspect } from "./bits.ts";
import {
  type ComparedTensor,
  countStatuses,
  type DiffReport,
  type DiffSide,
  finite,
  kindOfModule,
  layerOf,
  type MeasuredRow,
  norms,
  sumBy,
  type TensorDifference,
} from "./difference.ts";
import { expertsAsIn } from "./experts-as-in.ts";
import type { Host, Source } from "./host.ts";
import { type NamedTensor, namedTensors } from "./named-tensors.ts";
import { Opened } from "./opened.ts";
import type { ReadOptions, RunOptions } from "./options.ts";
import type { TensorHolder } from "./write-draft.ts";

/** The options of reading hold for both sources. */
export interface DiffOptions extends ReadOptions, RunOptions {
  /**
   * Say the rank of the change of each matrix, beyond what rounding explains: LoRA's is its r, that of a full fine-tune is above
   * 64. Reads matrices that changed again, twice, and takes about a second for each 6 million elements.
   */
  readonly rank?: boolean;
}

/** One name, on either side. */
interface Pair {
  readonly name: string;
  readonly a: NamedTensor | undefined;
  readonly b: NamedTensor | undefined;
}

/** @see Tenon.diff */
export async function diff(
  host: Host,
  sourceA: Source,
  sourceB: Source,
  options: DiffOptions = {},
): Promise<DiffReport> {
  await using opened = new Opened(host, options);
  const [storedA, storedB] = [await opened.open(sourceA), await opened.open(sourceB)];
  const [a, b] = [expertsAsIn(storedA, storedB), expertsAsIn(storedB, storedA)];
  const adapterPairs = singleAdapters(a, b);
  const namedA = namedTensors(a);
  const namedB = namedTensors(b, new Map(adapterPairs.map((pair) => [pair.b, pair.a])));
  const { pairs, leftToBase } = pairUp([a, namedA], [b, namedB]);
  const measured = await measure(host, pairs, [a, b], options);
  // Loaded only where it is asked for: a page that compares without it does not download it.
  const rows =
    options.rank === true
      ? await (await import("./change-ranks.ts")).withChangeRanks(measured, pairs, options)
      : measured;
  const tensors = rows.map(({ row }) => row);
  const byStatus = countStatuses(tensors);
  return {
    a: sideOf(a, namedA.size),
    b: sideOf(b, namedB.size),
    isEqual: byStatus.equal === tensors.length && leftToBase === 0,
    byStatus,
    leftToBase,
    adapterPairs,
    notCompared: (["optimizer", "trainer"] as const).filter(
      (component) => a[component] !== undefined || b[component] !== undefined,
    ),
    components: sumBy(rows, () => null),
    layers: sumBy(rows, layerOf),
    kinds: sumBy(rows, kindOfModule),
    tensors,
  };
}

function sideOf(
  { location, layout, base }: Pick<Checkpoint, "location" | "layout" | "base">,
  tensors: number,
): DiffSide {
  return { location, layout, isComplete: base?.isComplete === true, tensors };
}

/** The one adapter of each side, where they have different names: nothing else can be meant. */
function singleAdapters(a: Adapted, b: Adapted): DiffReport["adapterPairs"] {
  const [ours, theirs] = [[...a.adapters.keys()], [...b.adapters.keys()]];
  const [one, other] = [ours[0], theirs[0]];
  if (ours.length !== 1 || theirs.length !== 1 || one === undefined || other === undefined) return [];
  return one === other ? [] : [{ a: one, b: other }];
}

type Adapted = Pick<Checkpoint, "adapters">;

type Side = readonly [checkpoint: Pick<Checkpoint, "base">, named: ReadonlyMap<string, NamedTensor>];

/** Pairs by name. A tied alias that only one side stores is compared with the other side's owner. */
function pairUp(a: Side, b: Side): { pairs: Pair[]; leftToBase: number } {
  const pairs: Pair[] = [];
  let leftToBase = 0;
  for (const name of new Set([...a[1].keys(), ...b[1].keys()])) {
    const pair = { name, a: tensorIn(a, name), b: tensorIn(b, name) };
    const [absentFrom, present] = pair.a === undefined ? [a, pair.b] : [b, pair.a];
    const isAbsent = pair.a === undefined || pair.b === undefined;
    if (isAbsent && present?.component === "base" && absentFrom[0].base?.isComplete !== true) leftToBase += 1;
    else pairs.push(pair);
  }
  return { pairs, leftToBase };
}

function tensorIn([{ base }, named]: Side, name: string): NamedTensor | undefined {
  const owner = base?.ties.get(name);
  return named.get(name) ?? (owner === undefined ? undefined : named.get(owner));
}

async function measure(
  host: Host,
  pairs: readonly Pair[],
  sources: readonly TensorHolder[],
  options: RunOptions,
): Promise<readonly MeasuredRow[]> {
  const tasks = pairs.map(taskOf);
  const compared = tasks.filter((task) => task !== undefined);
  const outcomes = new Map<InspectTask, Outcome>();
  const run = async (some: readonly InspectTask[], task: string): Promise<void> => {
    if (some.length === 0) return;
    const found = await inspect(host, some, sources, options, task);
    for (const [i, one] of some.entries()) outcomes.set(one, found[i] as Outcome);
  };
  await run(compared, "diff");
  // Where only some blocks differ, the norm of the whole of A is not known yet.
  const partly = compared.filter((task) => {
    const { measured } = outcomes.get(task) as Outcome;
    return measured > 0 && measured < elementCount(task.tensor.shape);
  });
  const again = new Map(partly.map((task) => [task, { ...task, measureAll: true }]));
  await run([...again.values()], "measure");
  return pairs.map((pair, i) => {
    const task = tasks[i];
    return rowOf(pair, task && outcomes.get(again.get(task) ?? task));
  });
}

/** Undefined where the two cannot be compared element by element. */
function taskOf({ name, a, b }: Pair): InspectTask | undefined {
  if (a === undefined || b === undefined || !sameShape(a.tensor.shape, b.tensor.shape)) return undefined;
  const isByValue = isMeasurable(a.tensor.dtype) && isMeasurable(b.tensor.dtype);
  if (a.tensor.dtype !== b.tensor.dtype && !isByValue) return undefined;
  return { kind: "inspect", name, tensor: a.tensor, against: b.tensor, scan: false };
}

function rowOf({ name, a, b }: Pair, outcome: Outcome | undefined): MeasuredRow {
  const { component, meaning, tensor } = (a ?? b) as NamedTensor;
  const isMeasured = isMeasurable(tensor.dtype) && outcome !== undefined;
  const squares = isMeasured ? { difference: outcome.sumSquares, a: outcome.sumSquaresA } : undefined;
  const row: TensorDifference = {
    name,
    component,
    status: statusOf(a, b, outcome),
    elements: elementCount(tensor.shape),
    a: sided(a),
    b: sided(b),
    // Elements of less than a byte are compared by the byte.
    changedElements: outcome === undefined || bitsOf(tensor.dtype) < 8 ? null : outcome.different,
    maxAbs: isMeasured ? finite(outcome.maxAbs) : null,
    ...norms(squares),
  };
  return { row, meaning, ...(squares && { squares }) };
}

function statusOf(
  a: NamedTensor | undefined,
  b: NamedTensor | undefined,
  outcome: Outcome | undefined,
): TensorDifference["status"] {
  if (a === undefined) return "added";
  if (b === undefined) return "missing";
  if (!sameShape(a.tensor.shape, b.tensor.shape)) return "shape";
  if (a.tensor.dtype !== b.tensor.dtype) return "dtype";
  return outcome?.different === 0 ? "equal" : "changed";
}

function sided(named: NamedTensor | undefined): ComparedTensor | null {
  if (named === undefined) return null;
  const { name, file, dtype, shape } = named.tensor;
  return { name, file, dtype, shape };
}
