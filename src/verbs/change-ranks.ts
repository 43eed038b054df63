// The rank of B − A, read row by row on this thread: the row space has to be known before the rows are measured along it.
import { bytesPerElement, type DType, type Tensor, throwIfAborted } from "../core/index.ts";
import { isMeasurable } from "../execute/index.ts";
import {
  type ChangeRank,
  ChangeRankMeter,
  changeRankColumns,
  decodeFloats,
  roundingVariances,
} from "../ops/index.ts";
import type { MeasuredRow } from "./difference.ts";
import type { RunOptions } from "./options.ts";

/** A matrix on both sides. */
interface MatrixPair {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** Bytes of each side that are read at a time. */
const readBytes = 2 ** 20;

/** Rows of matrices that changed, with the rank of their change; `pairs` in the order of `rows`. */
export async function withChangeRanks(
  rows: readonly MeasuredRow[],
  pairs: readonly {
    readonly a: { readonly tensor: Tensor } | undefined;
    readonly b: { readonly tensor: Tensor } | undefined;
  }[],
  options: Pick<RunOptions, "signal" | "onProgress">,
): Promise<readonly MeasuredRow[]> {
  const changed = new Map<MeasuredRow, MatrixPair>();
  for (const [i, measured] of rows.entries()) {
    const [a, b] = [pairs[i]?.a?.tensor, pairs[i]?.b?.tensor];
    if (a === undefined || b === undefined || !((measured.row.changedElements ?? 0) > 0)) continue;
    if (hasChangeRank({ a, b })) changed.set(measured, { a, b });
  }
  const ranks = await changeRanks([...changed.values()], options);
  const found = new Map([...changed.keys()].map((measured, i) => [measured, ranks[i] ?? null]));
  return rows.map((measured) => {
    const changeRank = found.get(measured);
    return changeRank === undefined ? measured : { ...measured, row: { ...measured.row, changeRank } };
  });
}

/** Whether the rank of their difference can be told: two matrices of floats, not wider than what the sketch may hold. */
function hasChangeRank({ a, b }: MatrixPair): boolean {
  const [rows = 0, cols = 0] = a.shape;
  const isMatrix = a.shape.length === 2 && rows > 0 && cols > 0 && cols <= changeRankColumns;
  return isMatrix && isMeasurable(a.dtype) && isMeasurable(b.dtype);
}

/** In the order given; null where NaN or infinity leaves no number. */
async function changeRanks(
  pairs: readonly MatrixPair[],
  { signal, onProgress }: Pick<RunOptions, "signal" | "onProgress">,
): Promise<readonly (ChangeRank | null)[]> {
  const totalBytes = pairs.reduce((sum, { a, b }) => sum + 2 * (a.byteLength + b.byteLength), 0);
  const found: (ChangeRank | null)[] = [];
  let before = 0;
  for (const pair of pairs) {
    const { a, b } = pair;
    const [rows = 0, cols = 0] = a.shape;
    const meter = new ChangeRankMeter(rows, cols);
    const variances = new Float64Array(cols);
    let isMeasured = true;
    const passBytes = a.byteLength + b.byteLength;
    const report = (done: number): void =>
      onProgress?.({ task: "rank", doneBytes: before + done, totalBytes });
    await eachRow(pair, signal, (index, change, values) => {
      roundingVariances(coarser(a.dtype, b.dtype), values, variances);
      if (isMeasured && !change.every(Number.isFinite)) isMeasured = false;
      if (isMeasured) meter.first(index, change, variances);
      if (index % 256 === 0) report((passBytes * index) / rows);
    });
    let rank = isMeasured ? meter.afterFirst() : null;
    if (rank === undefined) {
      await eachRow(pair, signal, (index, change) => {
        meter.second(change);
        if (index % 256 === 0) report(passBytes * (1 + index / rows));
      });
      rank = meter.afterSecond();
    }
    found.push(rank);
    before += 2 * passBytes;
    report(0);
  }
  return found;
}

/** The type with fewer bits of mantissa. */
function coarser(a: DType, b: DType): DType {
  const order: readonly DType[] = ["F8_E5M2", "F8_E4M3", "BF16", "F16", "F32", "F64"];
  return order.indexOf(a) < order.indexOf(b) ? a : b;
}

/** Calls with B − A and B of each row. The arrays are used again for the next. */
async function eachRow(
  { a, b }: MatrixPair,
  signal: AbortSignal | undefined,
  visit: (index: number, change: Float64Array, values: Float64Array) => void,
): Promise<void> {
  const [rows = 0, cols = 0] = a.shape;
  const width = cols * Math.max(bytesPerElement(a.dtype), bytesPerElement(b.dtype));
  const perRead = Math.max(1, Math.floor(readBytes / width));
  const [ours, theirs] = [new Float64Array(cols), new Float64Array(cols)];
  const sides = [a, b].map((tensor) => {
    const rowBytes = cols * bytesPerElement(tensor.dtype);
    return { tensor, rowBytes, bytes: new Uint8Array(perRead * rowBytes) };
  });
  for (let first = 0; first < rows; first += perRead) {
    throwIfAborted(signal);
    const count = Math.min(perRead, rows - first);
    for (const { tensor, rowBytes, bytes } of sides)
      await tensor.read(first * rowBytes, bytes.subarray(0, count * rowBytes), signal);
    for (let row = 0; row < count; row++) {
      for (const [side, into] of [ours, theirs].entries()) {
        const { tensor, rowBytes, bytes } = sides[side] as (typeof sides)[number];
        decodeFloats(tensor.dtype, bytes.subarray(row * rowBytes, (row + 1) * rowBytes), into);
      }
      for (let j = 0; j < cols; j++) ours[j] = (theirs[j] as number) - (ours[j] as number);
      visit(first + row, ours, theirs);
    }
  }
}
