import type { DType } from "../../core/index.ts";
import { type FloatDType, unsupported } from "../float-bits.ts";
import type { TileRounding } from "../low-rank-reference.ts";
import { xxh3Merge, xxh3Secret, xxh3Short, xxh3Start } from "../xxh3.ts";
import { Arena, type KernelOptions } from "./arena.ts";
import { castSlowly, nativeCast } from "./cast.ts";
import type { KernelExports } from "./kernel-exports.ts";
import { columnSquares, type Difference, difference, rowSquares, scanBytes, timesRows } from "./measure.ts";
import { kernelWasm } from "./wasm.ts";

export type { KernelOptions } from "./arena.ts";

/** Where a factor's element (outer i, rank index k) lies: source + (offset + i·outerStride + k·innerStride) elements. */
export interface FactorSpec {
  readonly offset: number;
  readonly rank: number;
  readonly outerStride: number;
  readonly innerStride: number;
}
export interface RightSpec extends FactorSpec {
  readonly cols: number;
}
export interface LeftSpec extends FactorSpec {
  readonly rows: number;
}

export interface KernelTile extends TileRounding {
  /** W: rows × cols in kernel memory, changed in place. */
  readonly pointer: number;
  readonly dtype: FloatDType;
  readonly rows: number;
  readonly cols: number;
  /** Bytes from one row to the next. */
  readonly rowStride: number;
  /** Packed factors; see {@link Kernel.packLeft} and {@link Kernel.packRight}. */
  readonly left: number;
  readonly right: number;
  readonly rank: number;
  /** Unitless; rounded to f32 first, as torch does with a Python float. */
  readonly scaling: number;
}

/** Bytes of R that stay in the L2 cache while L streams past it. */
const blockBytes = 131_072;
/** The kernel counts in 16-bit lanes that take at most 4 a panel. */
const mostPanels = 4_096;
/** Scratch of scratch.as.ts that XXH3 owns while it runs. */
const secretAt = 512;
const lanesAt = 768;

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

  /** Bytes of a packed right factor: panels of 8 columns, the last padded with zeros. */
  packedRightBytes(cols: number, rank: number): number {
    return Math.ceil(cols / 8) * 8 * rank * 4;
  }

  /** Bytes of a packed left factor: blocks of 4 rows, the last padded with zeros. */
  packedLeftBytes(rows: number, rank: number): number {
    return Math.ceil(rows / 4) * 4 * rank * 4;
  }

  /** Widens R (rank × cols) to f32 at `packed`, as [panel][k][8]. Exact; NaN becomes 0x7fc00000. */
  packRight(source: number, dtype: FloatDType, spec: RightSpec, packed: number): void {
    this.check(packed, this.packedRightBytes(spec.cols, spec.rank));
    this.pack(source, dtype, spec, { count: spec.cols, packed, width: 8 });
  }

  /** Widens L (rows × rank) to f32 at `packed`, as [block][k][4]. Exact; NaN becomes 0x7fc00000. */
  packLeft(source: number, dtype: FloatDType, spec: LeftSpec, packed: number): void {
    this.check(packed, this.packedLeftBytes(spec.rows, spec.rank));
    this.pack(source, dtype, spec, { count: spec.rows, packed, width: 4 });
  }

  private pack(
    source: number,
    dtype: FloatDType,
    spec: FactorSpec,
    to: { readonly count: number; readonly packed: number; readonly width: 4 | 8 },
  ): void {
    const { rank, outerStride, innerStride } = spec;
    const { count, packed, width } = to;
    if (rank < 1 || count < 1 || outerStride < 0 || innerStride < 0 || spec.offset < 0)
      throw new Error(`internal: pack ${JSON.stringify(spec)}`);
    const bytes = dtype === "F32" ? 4 : 2;
    const from = source + spec.offset * bytes;
    this.check(from, ((rank - 1) * innerStride + (count - 1) * outerStride + 1) * bytes);
    const { packBf16, packF16, packF32 } = this.exports;
    const run = dtype === "BF16" ? packBf16 : dtype === "F16" ? packF16 : packF32;
    run(from, rank, count, innerStride * bytes, outerStride * bytes, packed, rank * width * 4, width);
  }

  /**
   * Adds a low-rank delta to a tile of W in place: W′ = round(W + scaling · (L · R)).
   *
   * Sums run over k in order from 0 in f32, then × scaling, then + W, each rounded half to even, and last once to
   * `dtype`. Overflow goes to infinity; a NaN result is the positive quiet NaN without payload (0x7fc0, 0x7e00,
   * 0x7fc00000), also where W was already NaN.
   *
   * @returns how many elements changed bits
   */
  addLowRank(tile: KernelTile): number {
    const { pointer, dtype, rows, cols, rowStride, left, right, rank } = tile;
    if (rows < 1 || cols < 1 || rank < 1) throw new Error(`internal: tile ${rows} x ${cols}, rank ${rank}`);
    this.check(pointer, (rows - 1) * rowStride + cols * (dtype === "F32" ? 4 : 2));
    this.check(left, this.packedLeftBytes(rows, rank));
    this.check(right, this.packedRightBytes(cols, rank));
    const block = Math.min(mostPanels, Math.max(1, Math.floor(blockBytes / (rank * 32))));
    const run = this.exports[variantOf(tile)];
    return run(pointer, rowStride, rows, cols, right, left, rank, Math.fround(tile.scaling), block) >>> 0;
  }

  /**
   * BF16, F16, F32, F64, F8_E4M3, F8_E5M2 → F32; F32 → BF16, F16, F64; BF16 ↔ F16. Rounds once, half to even.
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

  /** The largest |a − b| and f64 sums of (a − b)², a², b². NaN in either tensor makes the results NaN. */
  difference(dtype: DType, a: number, b: number, count: number): Difference {
    const width = dtype === "F64" ? 8 : dtype === "F32" ? 4 : dtype === "BF16" || dtype === "F16" ? 2 : 1;
    return difference(dtype, this.bytes(a, count * width), this.bytes(b, count * width));
  }

  /** Standard XXH3, 64 bits. */
  xxh3(pointer: number, byteLength: number, seed: bigint): bigint {
    const data = this.bytes(pointer, byteLength);
    const unsigned = BigInt.asUintN(64, seed);
    if (byteLength <= 240) return xxh3Short(data, unsigned);
    const made = xxh3Secret(unsigned);
    new Uint8Array(this.memory.buffer, secretAt, 192).set(made);
    const lanes = new BigUint64Array(this.memory.buffer, lanesAt, 8);
    lanes.set(xxh3Start);
    this.exports.xxh3Stripes(pointer, byteLength, secretAt, lanesAt);
    return xxh3Merge(lanes, made, byteLength);
  }
}

export type KernelVariant = Extract<keyof KernelExports, `merge${string}`>;

/** The export of the kernel for one dtype, rounding and way of summing. */
export function variantOf(tile: TileRounding & { readonly dtype: FloatDType }): KernelVariant {
  const isFused = tile.accumulate === "fma";
  if (tile.dtype === "F32") return isFused ? "mergeF32Fused" : "mergeF32"; // a f32 delta is rounded already
  if (tile.dtype === "BF16") {
    if (tile.roundDelta) return isFused ? "mergeBf16TwiceFused" : "mergeBf16Twice";
    return isFused ? "mergeBf16Fused" : "mergeBf16";
  }
  if (tile.roundDelta) return isFused ? "mergeF16TwiceFused" : "mergeF16Twice";
  return isFused ? "mergeF16Fused" : "mergeF16";
}

/** One compilation a thread, however many kernels it creates. */
let compiled: WebAssembly.Module | undefined;

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
