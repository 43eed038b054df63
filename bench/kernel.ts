// What one core does in the kernel: best of many short runs, as other programs share the machine.
import type { DType } from "../src/core/index.ts";
import { type FloatDType, Kernel } from "../src/ops/index.ts";

const kernel = Kernel.create();
const seconds = Number(process.argv[2] ?? 1);

/** Seconds of the fastest of the runs that fit in the time. */
function best(run: () => void): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (const start = performance.now(); performance.now() - start < seconds * 1000; ) {
    const before = performance.now();
    run();
    fastest = Math.min(fastest, performance.now() - before);
  }
  return fastest / 1000;
}

function fill(pointer: number, count: number): void {
  const values = kernel.f32(pointer, count);
  for (let i = 0; i < count; i++) values[i] = ((i * 7919) % 1009) / 1009 - 0.5;
}

function lowRank(dtype: FloatDType, rank: number, accumulate: "muladd" | "fma"): void {
  const mark = kernel.mark();
  const cols = 2048;
  const width = dtype === "F32" ? 4 : 2;
  const rows = 524_288 / (cols * width);
  const pointer = kernel.alloc(rows * cols * width);
  kernel.cast("F32", source, dtype, pointer, rows * cols);
  const left = kernel.alloc(kernel.packedLeftBytes(rows, rank));
  const right = kernel.alloc(kernel.packedRightBytes(cols, rank));
  kernel.packLeft(source, "F32", { offset: 0, rows, rank, outerStride: rank, innerStride: 1 }, left);
  kernel.packRight(source, "F32", { offset: 0, cols, rank, outerStride: 1, innerStride: cols }, right);
  const tile = { pointer, dtype, rows, cols, rowStride: cols * width, left, right, rank, scaling: 1e-4 };
  const time = best(() => kernel.addLowRank({ ...tile, roundDelta: false, accumulate }));
  const flops = 2 * rows * cols * rank;
  console.log(
    `${dtype} r=${rank} ${accumulate}: ${(flops / time / 1e9).toFixed(1)} GFLOP/s, ${((rows * cols * width) / time / 1e9).toFixed(2)} GB/s`,
  );
  kernel.release(mark);
}

const elements = 2_097_152;
const source = kernel.alloc(elements * 4);
fill(source, elements);
for (const rank of [8, 16, 64, 256]) lowRank("BF16", rank, "muladd");
lowRank("F16", 16, "muladd");
lowRank("F32", 16, "muladd");
for (const rank of [16, 64]) lowRank("BF16", rank, "fma");

function rate(name: string, bytes: number, run: () => void): void {
  console.log(`${name}: ${(bytes / best(run) / 1e9).toFixed(2)} GB/s`);
}
const other = kernel.alloc(elements * 4);
const halves = kernel.alloc(elements * 2);
const scanned: DType = "BF16";
rate("xxh3, 512 KiB", 524_288, () => kernel.xxh3(source, 524_288, 1n));
kernel.cast("F32", source, "BF16", halves, elements);
rate("scan BF16, 512 KiB", 524_288, () => kernel.scan(scanned, halves, 262_144));
rate("countDifferent 2, 512 KiB", 524_288, () => kernel.countDifferent(2, halves, halves, 262_144));
rate("BF16 to F32 (of BF16)", 524_288, () => kernel.cast("BF16", halves, "F32", other, 262_144));
rate("F32 to BF16 (of BF16)", 524_288, () => kernel.cast("F32", source, "BF16", other, 262_144));
rate("pack right r=64 F32", 524_288 * 4, () =>
  kernel.packRight(
    source,
    "F32",
    { offset: 0, cols: 8192, rank: 64, outerStride: 1, innerStride: 8192 },
    other,
  ),
);
rate("pack left r=64 F32", 524_288 * 4, () =>
  kernel.packLeft(source, "F32", { offset: 0, rows: 8192, rank: 64, outerStride: 64, innerStride: 1 }, other),
);
rate("difference BF16", 524_288, () => kernel.difference("BF16", halves, halves, 262_144));
rate("rowSumOfSquares", 524_288, () => kernel.rowSumOfSquares(source, 64, 2048, new Float64Array(64)));
