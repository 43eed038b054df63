import type { DType } from "../../core/index.ts";
import { unsupported } from "../float-bits.ts";
import { xxh3Merge, xxh3Secret, xxh3Short, xxh3Start } from "../xxh3.ts";
import { Arena, type KernelOptions } from "./arena.ts";
import { castSlowly, nativeCast } from "./cast.ts";
import {
  addF32,
  columnSquares,
  type Difference,
  difference,
  differenceFromLanes,
  nativeApart,
  rowSquares,
  scanBytes,
  timesRows,
} from "./measure.ts";
import { kernelWasm } from "./wasm.ts";

export type { KernelOptions } from "./arena.ts";

/** Scratch of scratch.as.ts that XXH3 owns while it runs. */
const secretAt = 512;
/** Scratch where the kernel leaves results, and XXH3 its lanes. */
const resultAt = 768;

/**
 * Arithmetic on tiles in wasm, with a bump arena. Callers read file data straight into `bytes(...)`. A view dies when
 * the memory grows, so take a fresh one after every `alloc`; pointers stay valid.
 */
export class Kernel extends Arena {
  /** Compiles at once. For workers and Node; a browser's main thread may refuse: use {@link Kernel.createAsync}. */
  static create(options: KernelOptions = {}): Kernel {
    compiled ??= new WebAssembly.Module(decode(kernelWasm));
    return new Kernel(compiled, options);
  }

  /** As {@link Kernel.create}, without blocking while the module compiles. */
  static async createAsync(options: KernelOptions = {}): Promise<Kernel> {
    compiled ??= await WebAssembly.compile(decode(kernelWasm));
    return new Kernel(compiled, options);
  }

  /** The same as {@link Kernel.create}. */
  static open(options: KernelOptions = {}): Kernel {
    return Kernel.create(options);
  }

  /**
   * BF16, F16, F32, F64, F8_E4M3, F8_E5M2 → F32; F32 → BF16, F16, F64, F8_E4M3, F8_E5M2; BF16 ↔ F16. Rounds once, half
   * to even; past the largest value to infinity, in F8_E4M3, which has none, to NaN. Clamp first where torch code does.
   * @throws UnsupportedError TENON_OPS_DTYPE for any other pair
   */
  cast(from: DType, source: number, to: DType, destination: number, count: number): void {
    if (count === 0) return;
    const widths: Partial<Record<DType, number>> = {
      F64: 8,
      F32: 4,
      BF16: 2,
      F16: 2,
      F8_E4M3: 1,
      F8_E5M2: 1,
    };
    const name = nativeCast(from, to);
    this.check(source, count * (widths[from] ?? 1));
    this.check(destination, count * (widths[to] ?? 1));
    if (name !== undefined) this.exports[name](source, destination, count);
    else castSlowly(this.memory.buffer, { from, source, to, destination, count });
  }

  /** w + d for each element of an F64 tensor and an f32 delta, in f64. Slow. Returns how many elements changed. */
  addToF64(weights: number, delta: number, count: number): number {
    return addF32(this.f64(weights, count), this.f32(delta, count));
  }

  /** Σ x² of each row of an f32 tile, in f64, left to right; into `out`. */
  rowSumOfSquares(pointer: number, rows: number, cols: number, out: Float64Array): void {
    rowSquares(this.f32(pointer, rows * cols), cols, out);
  }

  /** Adds x² to the f64 sum of each column, top to bottom. */
  addColumnSumOfSquares(pointer: number, rows: number, cols: number, sums: Float64Array): void {
    columnSquares(this.f32(pointer, rows * cols), cols, sums);
  }

  /** Multiplies row i of an f32 tile by factors[i], each product rounded to f32. */
  scaleRows(pointer: number, rows: number, cols: number, factors: Float32Array): void {
    timesRows(this.f32(pointer, rows * cols), cols, (row) => factors[row] ?? 0);
  }

  /** Multiplies column j of an f32 tile by factors[j], each product rounded to f32. */
  scaleColumns(pointer: number, rows: number, cols: number, factors: Float32Array): void {
    const tile = this.f32(pointer, rows * cols);
    for (let start = 0; start < tile.length; start += cols)
      for (let col = 0; col < cols; col++) tile[start + col] = (tile[start + col] ?? 0) * (factors[col] ?? 0);
  }

  /** Counts NaN and infinities. @throws UnsupportedError TENON_OPS_DTYPE for types that are not floats */
  scan(dtype: DType, pointer: number, count: number): { nan: number; infinite: number } {
    if (dtype === "BF16" || dtype === "F16" || dtype === "F32") {
      this.check(pointer, count * (dtype === "F32" ? 4 : 2));
      const { scan16, scan32 } = this.exports;
      const both = BigInt.asUintN(
        64,
        dtype === "F32" ? scan32(pointer, count) : scan16(pointer, count, dtype === "F16" ? 0x7c00 : 0x7f80),
      );
      return { nan: Number(both & 0xffff_ffffn), infinite: Number(both >> 32n) };
    }
    if (dtype !== "F64" && dtype !== "F8_E4M3" && dtype !== "F8_E5M2") throw unsupported(dtype, "scan");
    return scanBytes(dtype, this.bytes(pointer, count * (dtype === "F64" ? 8 : 1)));
  }

  /** How many elements differ in bits. */
  countDifferent(elementBytes: 1 | 2 | 4 | 8, a: number, b: number, count: number): number {
    this.check(a, count * elementBytes);
    this.check(b, count * elementBytes);
    return this.exports.different(elementBytes, a, b, count) >>> 0;
  }

  /**
   * The largest |a − b| and f64 sums of (a − b)², a², b², in an order of its own. A NaN in one tensor makes all results
   * NaN but the other's sum of squares. @throws UnsupportedError TENON_OPS_DTYPE for types that are not floats
   */
  difference(dtype: DType, a: number, b: number, count: number): Difference {
    const width = dtype === "F64" ? 8 : dtype === "F32" ? 4 : dtype === "BF16" || dtype === "F16" ? 2 : 1;
    const first = this.bytes(a, count * width);
    const second = this.bytes(b, count * width);
    const name = nativeApart(dtype);
    if (name === undefined) return difference(dtype, first, second);
    this.exports[name](a, b, count);
    return differenceFromLanes(new Float64Array(this.memory.buffer, resultAt, 8));
  }

  /** Standard XXH3, 64 bits. */
  xxh3(pointer: number, byteLength: number, seed: bigint): bigint {
    const data = this.bytes(pointer, byteLength);
    const unsigned = BigInt.asUintN(64, seed);
    if (byteLength <= 240) return xxh3Short(data, unsigned);
    const made = xxh3Secret(unsigned);
    new Uint8Array(this.memory.buffer, secretAt, 192).set(made);
    const lanes = new BigUint64Array(this.memory.buffer, resultAt, 8);
    lanes.set(xxh3Start);
    this.exports.xxh3Stripes(pointer, byteLength, secretAt, resultAt);
    return xxh3Merge(lanes, made, byteLength);
  }
}

/** One compilation a thread, however many kernels it creates. */
let compiled: WebAssembly.Module | undefined;

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
