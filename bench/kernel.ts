// What one core does in the kernel: best of many short runs, as other programs share the machine.
import type { DType } from "../src/core/index.ts";
import { addLowRank, allocPacked, type FloatDType, Kernel, packFactor } from "../src/ops/index.ts";

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
  for (let i = 0; i < count; i++) values[i] = Math.sin(i * 7919);
}

function lowRank(dtype: FloatDType, loraRank: number, accumulate: "muladd" | "fma"): void {
  const mark = kernel.mark();
  const cols = 2048;
  const width = dtype === "F32" ? 4 : 2;
  const rows = 524_288 / (cols * width);
  const weights = kernel.alloc(rows * cols * width);
  kernel.cast("F32", source, dtype, weights, rows * cols);
  const left = allocPacked(kernel, { side: "left", loraRank, length: rows });
  const right = allocPacked(kernel, { side: "right", loraRank, length: cols });
  packFactor(kernel, left, { pointer: source, dtype: "F32", strides: { k: 1, n: loraRank } });
  packFactor(kernel, right, { pointer: source, dtype: "F32", strides: { k: cols, n: 1 } });
  const tile = { weights, dtype, rows, cols, left, right, scaling: 1e-4, accumulate };
  const time = best(() => addLowRank(kernel, tile));
  const flops = 2 * rows * cols * loraRank;
  console.log(
    `${dtype} r=${loraRank} ${accumulate}: ${(flops / time / 1e9).toFixed(1)} GFLOP/s, ${((rows * cols * width) / time / 1e9).toFixed(2)} GB/s`,
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
const wide = allocPacked(kernel, { side: "right", loraRank: 64, length: 8192 });
rate("pack right r=64 F32", 524_288 * 4, () =>
  packFactor(kernel, wide, { pointer: source, dtype: "F32", strides: { k: 8192, n: 1 } }),
);
const tall = allocPacked(kernel, { side: "left", loraRank: 64, length: 8192 });
rate("pack left r=64 F32", 524_288 * 4, () =>
  packFactor(kernel, tall, { pointer: source, dtype: "F32", strides: { k: 1, n: 64 } }),
);
rate("difference BF16", 524_288, () => kernel.difference("BF16", halves, halves, 262_144));
rate("rowSumOfSquares", 524_288, () => kernel.rowSumOfSquares(source, 64, 2048, new Float64Array(64)));
