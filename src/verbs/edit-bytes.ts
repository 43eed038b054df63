// What an edit has to know of bytes before it is made: values of steps, whether a weight is its master, whether ranks are zero.
import { bytesPerElement, elementCount, PlanError, type Tensor, throwIfAborted } from "../core/index.ts";
import { decodeFloats } from "../ops/index.ts";
import type { EditPlan } from "../plan/index.ts";

/** Elements that are read at a time. */
const tileElements = 256 * 1024;

type Resolve = (id: string) => Tensor;

/** Names whose master is not exactly the weight, widened. */
export async function roundedMasters(
  questions: EditPlan["masters"],
  resolve: Resolve,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const rounded: string[] = [];
  for (const { name, model, master } of questions) {
    let isExact = true;
    const [weights, masters] = [resolve(model.id), resolve(master.id)];
    const count = elementCount(model.shape);
    for (let first = 0; first < count && isExact; first += tileElements) {
      const size = Math.min(tileElements, count - first);
      const [a, b] = [await values(weights, first, size, signal), await values(masters, first, size, signal)];
      isExact = a.every((value, at) => Object.is(value, b[at]));
    }
    if (!isExact) rounded.push(name);
  }
  return rounded;
}

/** @throws PlanError TENON_EDIT_RANK_SHRINKS where what is cut off contributes */
export async function refuseLostRanks(
  questions: EditPlan["ranks"],
  resolve: Resolve,
  { location, signal }: { readonly location: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const lost: (typeof questions)[number][] = [];
  for (const question of questions) if (await contributes(question, resolve, signal)) lost.push(question);
  const [first] = lost;
  if (first === undefined) return;
  const { adapter, from } = first;
  const modules = lost.flatMap((each) => (each.adapter === adapter ? [each.module] : []));
  const some = modules.slice(0, 3).join(", ") + (modules.length > 3 ? ", …" : "");
  const message = `edit: ranks from ${from} on of adapter ${JSON.stringify(adapter)} are not zero in ${modules.length} modules (${some}), and the model would change (${location})`;
  throw new PlanError("TENON_EDIT_RANK_SHRINKS", message, {
    details: { adapter, modules, from, source: location },
    hint: "Cut them off all the same: --truncate",
  });
}

/** A rank contributes nothing where one factor is zero there and the other finite. */
async function contributes(
  { a, b, from }: EditPlan["ranks"][number],
  resolve: Resolve,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const loraRank = a.shape[0] ?? 0;
  const [ofA, ofB] = [new RankFacts(loraRank), new RankFacts(loraRank)];
  const width = elementCount(a.shape) / Math.max(1, loraRank);
  await scan(resolve(a.id), from * width, signal, (value, at) => ofA.see(Math.floor(at / width), value));
  const inner = b.shape.slice(2).reduce((product, size) => product * size, 1);
  await scan(resolve(b.id), 0, signal, (value, at) => ofB.see(Math.floor(at / inner) % loraRank, value));
  for (let rank = from; rank < loraRank; rank++) {
    const isNothing = (ofB.isZero(rank) && ofA.isFinite(rank)) || (ofA.isZero(rank) && ofB.isFinite(rank));
    if (!isNothing) return true;
  }
  return false;
}

/** What was seen of the values of each rank. */
class RankFacts {
  readonly #isNonzero: Uint8Array;
  readonly #isInfinite: Uint8Array;

  constructor(loraRank: number) {
    this.#isNonzero = new Uint8Array(loraRank);
    this.#isInfinite = new Uint8Array(loraRank);
  }

  see(rank: number, value: number): void {
    if (value !== 0) this.#isNonzero[rank] = 1;
    if (!Number.isFinite(value)) this.#isInfinite[rank] = 1;
  }

  isZero(rank: number): boolean {
    return this.#isNonzero[rank] === 0;
  }

  isFinite(rank: number): boolean {
    return this.#isInfinite[rank] === 0;
  }
}

async function scan(
  tensor: Tensor,
  from: number,
  signal: AbortSignal | undefined,
  see: (value: number, at: number) => void,
): Promise<void> {
  const count = elementCount(tensor.shape);
  for (let first = from; first < count; first += tileElements) {
    const found = await values(tensor, first, Math.min(tileElements, count - first), signal);
    for (const [at, value] of found.entries()) see(value, first + at);
  }
}

async function values(
  tensor: Tensor,
  first: number,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  throwIfAborted(signal);
  const width = bytesPerElement(tensor.dtype);
  const bytes = new Uint8Array(count * width);
  await tensor.read(first * width, bytes, signal);
  const found = new Float64Array(count);
  decodeFloats(tensor.dtype, bytes, found);
  return found;
}
