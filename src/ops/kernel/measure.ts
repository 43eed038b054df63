import type { DType } from "../../core/index.ts";
import { floatFromBits, unsupported } from "../float-bits.ts";

export interface Difference {
  maxAbs: number;
  sumSquares: number;
  sumSquaresA: number;
  sumSquaresB: number;
}

export function rowSquares(tile: Float32Array, cols: number, out: Float64Array): void {
  for (let row = 0, start = 0; start < tile.length; row++, start += cols) {
    let sum = 0;
    for (let i = start; i < start + cols; i++) sum += (tile[i] ?? 0) ** 2;
    out[row] = sum;
  }
}

export function columnSquares(tile: Float32Array, cols: number, sums: Float64Array): void {
  for (let start = 0; start < tile.length; start += cols) {
    for (let col = 0; col < cols; col++) sums[col] = (sums[col] ?? 0) + (tile[start + col] ?? 0) ** 2;
  }
}

export function addF32(weights: Float64Array, delta: Float32Array): number {
  let changed = 0;
  for (let i = 0; i < weights.length; i++) {
    const before = weights[i] ?? 0;
    const after = before + (delta[i] ?? 0);
    if (!Object.is(before, after)) changed++;
    weights[i] = after;
  }
  return changed;
}

export function timesRows(tile: Float32Array, cols: number, factor: (row: number) => number): void {
  for (let row = 0, start = 0; start < tile.length; row++, start += cols) {
    const by = factor(row);
    for (let i = start; i < start + cols; i++) tile[i] = (tile[i] ?? 0) * by;
  }
}

export function scanBytes(
  dtype: "F64" | "F8_E4M3" | "F8_E5M2",
  bytes: Uint8Array,
): { nan: number; infinite: number } {
  const found = { nan: 0, infinite: 0 };
  forEach(dtype, bytes, (value) => {
    if (Number.isNaN(value)) found.nan++;
    else if (!Number.isFinite(value)) found.infinite++;
  });
  return found;
}

export function difference(dtype: DType, bytesA: Uint8Array, bytesB: Uint8Array): Difference {
  const sums = { maxAbs: 0, sumSquares: 0, sumSquaresA: 0, sumSquaresB: 0 };
  const second = reader(dtype, bytesB);
  forEach(dtype, bytesA, (a, i) => {
    const b = second(i);
    // Two equal infinities do not differ, though their difference is NaN.
    const by = a === b ? 0 : a - b;
    sums.maxAbs = Math.max(sums.maxAbs, Math.abs(by));
    sums.sumSquares += by * by;
    sums.sumSquaresA += a * a;
    sums.sumSquaresB += b * b;
  });
  return sums;
}

/** The export of the kernel that measures a dtype, if one does. */
export function nativeApart(dtype: DType): "apartBf16" | "apartF16" | "apartF32" | undefined {
  if (dtype === "BF16") return "apartBf16";
  if (dtype === "F16") return "apartF16";
  return dtype === "F32" ? "apartF32" : undefined;
}

/** Joins the two lanes of each result that the kernel leaves. */
export function differenceFromLanes(lanes: Float64Array): Difference {
  const lane = (i: number): number => lanes[i] ?? 0;
  return {
    maxAbs: Math.max(lane(0), lane(1)),
    sumSquares: lane(2) + lane(3),
    sumSquaresA: lane(4) + lane(5),
    sumSquaresB: lane(6) + lane(7),
  };
}

function forEach(dtype: DType, bytes: Uint8Array, visit: (value: number, index: number) => void): void {
  const read = reader(dtype, bytes);
  const count = bytes.byteLength / widthOf(dtype);
  for (let i = 0; i < count; i++) visit(read(i), i);
}

function reader(dtype: DType, bytes: Uint8Array): (index: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === "F64") return (i) => view.getFloat64(i * 8, true);
  if (dtype === "F32") return (i) => view.getFloat32(i * 4, true);
  if (widthOf(dtype) === 2) return (i) => floatFromBits(dtype, view.getUint16(i * 2, true));
  return (i) => floatFromBits(dtype, view.getUint8(i));
}

function widthOf(dtype: DType): 1 | 2 | 4 | 8 {
  if (dtype === "F64") return 8;
  if (dtype === "F32") return 4;
  if (dtype === "BF16" || dtype === "F16") return 2;
  if (dtype === "F8_E4M3" || dtype === "F8_E5M2") return 1;
  throw unsupported(dtype, "measure");
}
