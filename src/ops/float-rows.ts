import type { DType } from "../core/index.ts";
import { floatFromBits, unsupported } from "./float-bits.ts";

/** Largest unit in the last place over the value, and the unit of subnormals. */
const units: Partial<Record<DType, readonly [relative: number, least: number]>> = {
  F64: [2 ** -52, 2 ** -1074],
  F32: [2 ** -23, 2 ** -149],
  F16: [2 ** -10, 2 ** -24],
  BF16: [2 ** -7, 2 ** -133],
  F8_E4M3: [2 ** -3, 2 ** -9],
  F8_E5M2: [2 ** -2, 2 ** -16],
};

const tables = new Map<DType, Float32Array>();

function tableOf(dtype: DType, codes: number): Float32Array {
  const known = tables.get(dtype);
  if (known !== undefined) return known;
  const made = Float32Array.from({ length: codes }, (_, code) => floatFromBits(dtype, code));
  tables.set(dtype, made);
  return made;
}

/** Decodes little-endian elements. @throws UnsupportedError TENON_OPS_DTYPE for types that are not floats */
export function decodeFloats(dtype: DType, bytes: Uint8Array, into: Float64Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (dtype) {
    case "F64":
      for (let i = 0; i < into.length; i++) into[i] = view.getFloat64(i * 8, true);
      return;
    case "F32":
      for (let i = 0; i < into.length; i++) into[i] = view.getFloat32(i * 4, true);
      return;
    case "BF16":
    case "F16": {
      const table = tableOf(dtype, 0x1_0000);
      for (let i = 0; i < into.length; i++) into[i] = table[view.getUint16(i * 2, true)] as number;
      return;
    }
    case "F8_E4M3":
    case "F8_E5M2": {
      const table = tableOf(dtype, 0x100);
      for (let i = 0; i < into.length; i++) into[i] = table[bytes[i] as number] as number;
      return;
    }
    default:
      throw unsupported(dtype, "decode");
  }
}

/** Variance of rounding to a type, a unit in the last place squared over twelve; the unit is never taken too small. */
export function roundingVariances(dtype: DType, values: Float64Array, into: Float64Array): void {
  const [relative, least] = units[dtype] ?? [0, 0];
  for (let i = 0; i < values.length; i++) {
    const unit = Math.max(Math.abs(values[i] as number) * relative, least);
    into[i] = (unit * unit) / 12;
  }
}
