import { bytesPerElement, type Factor, UnsupportedError } from "../core/index.ts";
import { allocPacked, type FactorType, type Kernel, type Packed, packFactor } from "../ops/index.ts";
import type { Io } from "./task.ts";

export function floatDType(dtype: string, name: string): FactorType {
  if (dtype === "BF16" || dtype === "F16" || dtype === "F32") return dtype;
  throw new UnsupportedError(
    "TENON_MERGE_DTYPE",
    `merge: tensor "${name}" is ${dtype}; tensors of a low-rank product may be F32, F16 or BF16`,
    { details: { tensor: name, found: dtype } },
  );
}

export interface FactorPart {
  readonly side: "left" | "right";
  readonly batch: number;
  /** First row (left) or column (right), and how many. */
  readonly first: number;
  readonly count: number;
  readonly loraRank: number;
}

/**
 * Reads and packs a run of rows or columns of a factor, for one batch.
 *
 * Reads the smallest span that holds them; when the rank is the slow axis (a transposed factor), one span for each
 * rank index, so that a few rows of a wide factor never cost the whole of it.
 */
export function* loadPacked(kernel: Kernel, factor: Factor, part: FactorPart): Generator<Io, Packed> {
  const { tensor, outer, inner } = factor;
  const { side, count, loraRank } = part;
  const packed = allocPacked(kernel, { side, loraRank, length: count });
  const scratch = kernel.mark();
  const dtype = floatDType(tensor.dtype, tensor.name);
  const width = bytesPerElement(dtype);
  const start = factor.offset + part.batch * factor.batch + part.first * outer;
  const outerSpan = (count - 1) * outer + 1;
  const innerSpan = (loraRank - 1) * inner + 1;
  const isOneSpan = inner < outerSpan || loraRank === 1;
  const elements = isOneSpan ? outerSpan + innerSpan - 1 : outerSpan;
  const spans = isOneSpan ? 1 : loraRank;
  const pointer = kernel.alloc(elements * spans * width);
  for (let k = 0; k < spans; k++) {
    const byteOffset = (start + k * inner) * width;
    yield {
      kind: "read",
      id: tensor.id,
      byteOffset,
      pointer: pointer + k * elements * width,
      byteLength: elements * width,
    };
  }
  packFactor(kernel, packed, { pointer, dtype, strides: { k: isOneSpan ? inner : elements, n: outer } });
  kernel.release(scratch);
  return packed;
}
