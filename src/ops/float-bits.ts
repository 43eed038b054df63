import { type DType, UnsupportedError } from "../core/index.ts";

/** What weights and low-rank factors may be. */
export type FloatDType = "BF16" | "F16" | "F32";

const view = new DataView(new ArrayBuffer(8));

/**
 * The value of one stored element, exactly. F8_E4M3 is the OCP "FN" kind: no infinity, 0x7f and 0xff are NaN.
 * @throws UnsupportedError TENON_OPS_DTYPE for types that are not floats of at most 32 bits
 */
export function floatFromBits(dtype: DType, bits: number): number {
  switch (dtype) {
    case "F32":
      view.setUint32(0, bits);
      return view.getFloat32(0);
    case "BF16":
      view.setUint32(0, (bits << 16) >>> 0);
      return view.getFloat32(0);
    case "F16":
      return small(bits, 5, 10, true);
    case "F8_E5M2":
      return small(bits, 5, 2, true);
    case "F8_E4M3":
      return (bits & 0x7f) === 0x7f ? Number.NaN : small(bits, 4, 3, false);
    default:
      throw unsupported(dtype, "decode");
  }
}

function small(bits: number, exponentBits: number, mantissaBits: number, isIeee: boolean): number {
  const mantissa = bits & ((1 << mantissaBits) - 1);
  const top = (1 << exponentBits) - 1;
  const exponent = (bits >> mantissaBits) & top;
  const sign = (bits >> (exponentBits + mantissaBits)) & 1 ? -1 : 1;
  if (isIeee && exponent === top) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  const bias = (1 << (exponentBits - 1)) - 1;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (mantissa + (1 << mantissaBits)) * 2 ** (exponent - bias - mantissaBits);
}

/**
 * Rounds to `dtype`, half to even, past the largest value to infinity. The value is rounded to f32 first, as the kernel
 * works in f32. Every NaN becomes the positive quiet NaN without payload: 0x7fc0, 0x7e00, 0x7fc00000.
 */
export function bitsFromFloat(dtype: FloatDType, value: number): number {
  if (Number.isNaN(value)) return dtype === "F32" ? 0x7fc0_0000 : dtype === "BF16" ? 0x7fc0 : 0x7e00;
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  if (dtype === "F32") return bits;
  if (dtype === "BF16") return Math.floor((bits + 0x7fff + ((bits >>> 16) & 1)) / 0x1_0000) & 0xffff;
  const sign = (bits >>> 16) & 0x8000;
  const abs = Math.abs(view.getFloat32(0));
  if (abs >= 65520) return sign | 0x7c00;
  // Units in the last place of the half that holds `abs`; subnormals share 2^-24.
  const exponent = abs < 2 ** -14 ? -14 : ((bits >>> 23) & 0xff) - 127;
  const units = halfEven(abs / 2 ** (exponent - 10));
  return sign | (exponent === -14 && units < 1024 ? units : ((exponent + 15) << 10) + (units - 1024));
}

/**
 * Rounds to fp8, half to even, as torch's `.to()`: past the largest value F8_E4M3, which has no infinity, becomes NaN
 * (0x7f) and F8_E5M2 infinity. PEFT clamps to ±448 and ±57344 before it casts. NaN becomes 0x7f.
 */
export function fp8FromFloat(dtype: "F8_E4M3" | "F8_E5M2", value: number): number {
  const mantissaBits = dtype === "F8_E4M3" ? 3 : 2;
  const least = dtype === "F8_E4M3" ? -6 : -14;
  const sign = Object.is(value, -0) || value < 0 ? 0x80 : 0;
  if (Number.isNaN(value)) return 0x7f;
  view.setFloat32(0, Math.abs(value));
  const abs = view.getFloat32(0);
  const exponent = Math.max(least, (view.getUint32(0) >>> 23) - 127);
  const past = dtype === "F8_E4M3" ? 0x7f : 0x7c;
  if (exponent > 15) return sign | past;
  const units = halfEven(abs / 2 ** (exponent - mantissaBits));
  // A subnormal has no implicit bit, which lies where the exponent would be 1; rounding up carries over by itself.
  return sign | Math.min(past, ((exponent - least) << mantissaBits) + units);
}

function halfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}

/** Representable values between two elements; zeros of both signs count as one. NaN is 0 from NaN, else infinity. */
export function ulpDistance(dtype: FloatDType, bitsA: number, bitsB: number): number {
  const isNanA = Number.isNaN(floatFromBits(dtype, bitsA));
  const isNanB = Number.isNaN(floatFromBits(dtype, bitsB));
  if (isNanA || isNanB) return isNanA && isNanB ? 0 : Number.POSITIVE_INFINITY;
  const half = dtype === "F32" ? 0x8000_0000 : 0x8000;
  const place = (bits: number): number => (bits >= half ? half - bits : bits);
  return Math.abs(place(bitsA) - place(bitsB));
}

export function unsupported(dtype: DType, verb: string): UnsupportedError {
  return new UnsupportedError("TENON_OPS_DTYPE", `ops: cannot ${verb} elements of ${dtype}`, {
    details: { dtype, verb },
  });
}
