import { FormatError } from "./errors.ts";

/**
 * Element types, spelled as safetensors spells them and listed in the order in which its Rust enum declares
 * them: the writer sorts tensors by this order, descending (safetensors `tensor.rs`, enum `Dtype`).
 */
export const dtypes = [
  "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ",
  "F8_E5M2FNUZ", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64",
] as const; // biome-ignore format: one list, in wire order

export type DType = (typeof dtypes)[number];

const bits: Record<DType, number> = {
  BOOL: 8, F4: 4, F6_E2M3: 6, F6_E3M2: 6, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8, I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32, C64: 64, F64: 64, I64: 64,
  U64: 64,
}; // biome-ignore format: a table

export function isDType(value: unknown): value is DType {
  return typeof value === "string" && Object.hasOwn(bits, value);
}

/** Width of one element in bits; F4 and F6 are not whole bytes. */
export function bitsOf(dtype: DType): number {
  return bits[dtype];
}

/** Width of one element in bytes. Throws for the sub-byte types, whose elements have no address of their own. */
export function bytesPerElement(dtype: DType): number {
  const width = bits[dtype] / 8;
  if (!Number.isInteger(width)) throw new Error(`internal: ${dtype} has no whole-byte element width`);
  return width;
}

export type Shape = readonly number[];

/** Number of elements; 1 for a scalar (shape `[]`). @throws FormatError TENON_TENSOR_TOO_LARGE past 2^53. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new FormatError(
        "TENON_TENSOR_BAD_SHAPE",
        `shape [${shape.join(", ")}] has a size that is not a count`,
      );
    }
    count *= size;
    if (!Number.isSafeInteger(count)) {
      throw new FormatError(
        "TENON_TENSOR_TOO_LARGE",
        `shape [${shape.join(", ")}] has more than 2^53 elements`,
      );
    }
  }
  return count;
}

/** Bytes that a packed tensor takes. @throws FormatError when sub-byte elements do not fill whole bytes. */
export function byteLengthOf(dtype: DType, shape: Shape): number {
  const totalBits = elementCount(shape) * bits[dtype];
  if (!Number.isSafeInteger(totalBits)) {
    throw new FormatError(
      "TENON_TENSOR_TOO_LARGE",
      `${dtype} [${shape.join(", ")}] takes more than 2^53 bits`,
    );
  }
  if (totalBits % 8 !== 0) {
    throw new FormatError(
      "TENON_TENSOR_BAD_SHAPE",
      `${dtype} [${shape.join(", ")}] does not fill whole bytes`,
    );
  }
  return totalBits / 8;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
