import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addLowRank,
  addLowRankReference,
  allocPacked,
  bitsFromFloat,
  type FloatDType,
  floatFromBits,
  fmaf,
  Kernel,
  type LowRankTile,
  type Packed,
  packFactor,
} from "../../src/ops/index.ts";

const kernel = Kernel.create();
const dtypes: readonly FloatDType[] = ["BF16", "F16", "F32"];

/**
 * wild: any bits. grid: few bits, so that ties are common and products are exact. full: all bits of the mantissa, down to subnormal halves.
 * mixed: the left factor on the grid, the right one full, so that sums meet midpoints often.
 */
const styles = ["wild", "grid", "full", "mixed"] as const;
type Style = (typeof styles)[number];

interface Case {
  readonly dtype: FloatDType;
  readonly rows: number;
  readonly cols: number;
  readonly rank: number;
  readonly seed: number;
  readonly style: Style;
  readonly scaling: number;
  readonly roundDelta: boolean;
  readonly accumulate: "muladd" | "fma";
}

/** xorshift: the same numbers on every machine. */
function random(seed: number): () => number {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

function values(count: number, next: () => number, style: Style, dtype: FloatDType): number[] {
  const mask = dtype === "F32" ? 0xffff_ffff : 0xffff;
  return Array.from({ length: count }, () => {
    if (style === "wild") return (next() & mask) >>> 0;
    if (style === "grid") return bitsFromFloat(dtype, ((next() % 513) - 256) / 256);
    return bitsFromFloat(dtype, (next() / 2 ** 32 - 0.5) * 2 ** -(next() % 20));
  });
}

/** Packs a row-major factor. */
function packed(
  side: Packed["side"],
  loraRank: number,
  length: number,
  pointer: number,
  dtype: FloatDType,
): Packed {
  const factor = allocPacked(kernel, { side, loraRank, length });
  const strides = side === "left" ? { k: 1, n: loraRank } : { k: length, n: 1 };
  packFactor(kernel, factor, { pointer, dtype, strides });
  return factor;
}

/** The factor that holds `values`, row-major. */
function factorOf(side: Packed["side"], loraRank: number, values: readonly number[]): Packed {
  const pointer = kernel.alloc(values.length * 4);
  kernel.f32(pointer, values.length).set(values);
  return packed(side, loraRank, values.length / loraRank, pointer, "F32");
}

function kindOf(c: Case): Omit<LowRankTile, "weights" | "left" | "right"> {
  const { dtype, rows, cols, scaling, accumulate } = c;
  return { dtype, rows, cols, scaling, accumulate, rounding: c.roundDelta ? "twice" : "once" };
}

function check(c: Case): void {
  const next = random(c.seed);
  const width = c.dtype === "F32" ? 4 : 2;
  const mark = kernel.mark();
  const factorType = dtypes[c.seed % 3] ?? "F32";
  const leftBits = values(c.rows * c.rank, next, c.style === "mixed" ? "grid" : c.style, factorType);
  const rightBits = values(c.rank * c.cols, next, c.style, factorType);
  const before = values(c.rows * c.cols, next, c.style, c.dtype);
  const put = (bits: number[], dtype: FloatDType): number => {
    const at = kernel.alloc(bits.length * (dtype === "F32" ? 4 : 2));
    const view = kernel.bytes(at, bits.length * (dtype === "F32" ? 4 : 2));
    (dtype === "F32"
      ? new Uint32Array(view.buffer, at, bits.length)
      : new Uint16Array(view.buffer, at, bits.length)
    ).set(bits);
    return at;
  };
  const leftRaw = put(leftBits, factorType);
  const rightRaw = put(rightBits, factorType);
  const { rank, rows, cols } = c;
  const left = packed("left", rank, rows, leftRaw, factorType);
  const right = packed("right", rank, cols, rightRaw, factorType);
  // Rows lie apart, so that a write beside the tile shows.
  const stride = (cols + 3) * width;
  const pointer = kernel.alloc(rows * stride);
  kernel.bytes(pointer, rows * stride).fill(0xa5);
  const memory = kernel.bytes(pointer, rows * stride).buffer;
  const at = (row: number, col: number): number => {
    const view = new DataView(memory, pointer + row * stride + col * width);
    return width === 4 ? view.getUint32(0, true) : view.getUint16(0, true);
  };
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) {
      const view = new DataView(memory, pointer + row * stride + col * width);
      const bits = before[row * cols + col] ?? 0;
      if (width === 4) view.setUint32(0, bits, true);
      else view.setUint16(0, bits, true);
    }
  const changed = addLowRank(kernel, { ...kindOf(c), weights: pointer, rowStrideBytes: stride, left, right });
  const weights = width === 4 ? Uint32Array.from(before) : Uint16Array.from(before);
  const expected = addLowRankReference({
    ...c,
    weights,
    left: Float32Array.from(leftBits, (bits) => floatFromBits(factorType, bits)),
    right: Float32Array.from(rightBits, (bits) => floatFromBits(factorType, bits)),
  });
  const got = weights.map((_, i) => at(Math.floor(i / cols), i % cols));
  expect(got).toEqual(weights);
  expect(changed).toBe(expected);
  for (let row = 0; row < rows; row++)
    for (let col = cols; col < cols + 3; col++) expect(at(row, col)).toBe(width === 4 ? 0xa5a5_a5a5 : 0xa5a5);
  kernel.release(mark);
}

describe("a low-rank delta added by the kernel", () => {
  it("equals the reference bit for bit on any shape, dtype, rank, rounding and way of summing", () => {
    fc.assert(
      fc.property(
        fc.record({
          dtype: fc.constantFrom(...dtypes),
          rows: fc.integer({ min: 1, max: 19 }),
          cols: fc.integer({ min: 1, max: 37 }),
          rank: fc.integer({ min: 1, max: 20 }),
          seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
          style: fc.constantFrom(...styles),
          scaling: fc.constantFrom(1, 0.5, 2, -0.3, 0.1, 1e-30, 1e30, 0, 3e5, 7e6),
          roundDelta: fc.boolean(),
          accumulate: fc.constantFrom("muladd" as const, "fma" as const),
        }),
        check,
      ),
      { numRuns: 1000 },
    );
  });

  it("equals the reference where the right factor is taken in several cache blocks", () => {
    const shape = { rows: 9, cols: 301, rank: 256, seed: 77, scaling: 0.3, roundDelta: false };
    for (const dtype of dtypes)
      for (const style of ["full", "mixed"] as const)
        for (const accumulate of ["muladd", "fma"] as const) check({ ...shape, dtype, style, accumulate });
  });

  it("leaves every 16-bit code as it is when the delta is zero, except that NaN becomes canonical", () => {
    for (const dtype of ["BF16", "F16"] as const) {
      const mark = kernel.mark();
      const pointer = kernel.alloc(131_072);
      const zeros = Array.from({ length: 1024 }, () => 0);
      const left = factorOf("left", 4, zeros);
      const right = factorOf("right", 4, zeros);
      const codes = new Uint16Array(kernel.bytes(pointer, 131_072).buffer, pointer, 65_536);
      for (let i = 0; i < 65_536; i++) codes[i] = i;
      addLowRank(kernel, { weights: pointer, dtype, rows: 256, cols: 256, left, right, scaling: 1 });
      const wrong = codes.filter((code, i) => {
        const value = floatFromBits(dtype, i);
        if (i === 0x8000) return code !== 0; // -0 + 0 = 0
        return code !== (Number.isNaN(value) ? bitsFromFloat(dtype, Number.NaN) : i);
      });
      expect(wrong).toHaveLength(0);
      kernel.release(mark);
    }
  });
});

describe("a fused multiply-add", () => {
  /** f32 → integer × 2^-149·2^-149, so that products and sums are integers. */
  const scaled = (value: number): bigint => {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, value);
    const bits = view.getUint32(0);
    const exponent = (bits >>> 23) & 0xff;
    const mantissa = BigInt(bits & 0x7f_ffff) + (exponent === 0 ? 0n : 0x80_0000n);
    const integer = mantissa << BigInt(Math.max(exponent, 1) - 1);
    return bits >>> 31 ? -integer : integer;
  };
  /** The f32 nearest to integer × 2^-298, ties to even, by integers alone. */
  const nearest = (integer: bigint): number => {
    const size = integer < 0n ? -integer : integer;
    const drop = Math.max(size.toString(2).length - 24, 149);
    const unit = 1n << BigInt(drop);
    let count = size / unit;
    const twice = (size % unit) * 2n;
    if (twice > unit || (twice === unit && count % 2n === 1n)) count++;
    const value = Number(count) * 2 ** (drop - 298);
    return Math.fround(integer < 0n ? -value : value);
  };
  const exact = (a: number, b: number, c: number): number =>
    nearest(scaled(a) * scaled(b) + (scaled(c) << 149n));
  const byKernel = (a: number, b: number, c: number): number => {
    const mark = kernel.mark();
    const left = factorOf("left", 2, [1, a]);
    const right = factorOf("right", 2, [c, b]);
    const pointer = kernel.alloc(4);
    kernel.f32(pointer, 1).fill(0);
    addLowRank(kernel, {
      weights: pointer,
      dtype: "F32",
      rows: 1,
      cols: 1,
      left,
      right,
      scaling: 1,
      accumulate: "fma",
    });
    const result = kernel.f32(pointer, 1)[0] ?? Number.NaN;
    kernel.release(mark);
    return result;
  };

  it("rounds once where f64 would round twice, against exact integers", () => {
    const next = random(12345);
    const f = (bits: number): number => floatFromBits("F32", bits);
    for (let i = 0; i < 20_000; i++) {
      // a·b is near a midpoint of f32 next to c, with bits far below: c has 24 bits, a·b is half its last place ± tiny.
      const exponent = i % 4 === 0 ? -126 - (i % 23) : (next() % 60) - 30;
      const c = Math.fround((1 + (next() % 0x80_0000) / 0x80_0000) * 2 ** exponent * (next() % 2 ? 1 : -1));
      const place = Math.max(exponent - 23, -149);
      const tail = 1 + (next() % 2 ? 1 : -1) * 2 ** -(1 + (next() % 23));
      const a = Math.fround(tail * 2 ** Math.floor(place / 2));
      const b = Math.fround(
        (next() % 3 ? 1 : f(0x3f80_0000 + (next() % 3))) * 2 ** (place - 1 - Math.floor(place / 2)),
      );
      const want = exact(a, b, c);
      expect(Object.is(fmaf(a, b, c), want) || want === 0).toBe(true);
      expect(byKernel(a, b, c)).toBe(want);
    }
  });

  it("differs from rounding twice on a known case, so that the exact path is needed", () => {
    // 1 + 2^-24 + 2^-60 lies above the midpoint of 1 and 1 + 2^-23; f64 drops the 2^-60 and then ties to 1.
    const a = Math.fround(1 + 2 ** -20);
    const b = Math.fround(2 ** -24 * (1 - 2 ** -20));
    const c = 1;
    expect(exact(a, b, c)).toBe(1);
    const up = [2 ** -30 * (1 + 2 ** -18), 2 ** 6 * (1 - 2 ** -18)] as const;
    expect(byKernel(up[0], up[1], c)).toBe(exact(up[0], up[1], c));
    const odd = Math.fround(1 + 2 ** -23);
    expect(Math.fround(a * b + odd)).toBe(Math.fround(1 + 2 ** -22));
    expect(exact(a, b, odd)).toBe(odd);
    expect(fmaf(a, b, odd)).toBe(odd);
    expect(byKernel(a, b, odd)).toBe(odd);
  });
});
