import type { DType } from "../../core/index.ts";
import { floatFromBits, fp8FromFloat, unsupported } from "../float-bits.ts";

type NativeCast = "bf16ToF32" | "f16ToF32" | "f32ToBf16" | "f32ToF16" | "bf16ToF16" | "f16ToBf16";

const native: ReadonlyMap<string, NativeCast> = new Map([
  ["BF16>F32", "bf16ToF32"],
  ["F16>F32", "f16ToF32"],
  ["F32>BF16", "f32ToBf16"],
  ["F32>F16", "f32ToF16"],
  ["BF16>F16", "bf16ToF16"],
  ["F16>BF16", "f16ToBf16"],
]);

/** The export of the kernel that does a cast, if one does. */
export function nativeCast(from: DType, to: DType): NativeCast | undefined {
  return native.get(`${from}>${to}`);
}

export interface CastRun {
  readonly from: DType;
  readonly source: number;
  readonly to: DType;
  readonly destination: number;
  readonly count: number;
}

/** The casts that no hot path needs. @throws UnsupportedError TENON_OPS_DTYPE for pairs that no cast knows */
export function castSlowly(memory: ArrayBuffer, run: CastRun): void {
  const { from, source, to, destination, count } = run;
  if (from === "F32" && to === "F64") {
    new Float64Array(memory, destination, count).set(new Float32Array(memory, source, count));
    return;
  }
  if (from === "F32" && (to === "F8_E4M3" || to === "F8_E5M2")) {
    const values = new Float32Array(memory, source, count);
    const codes = new Uint8Array(memory, destination, count);
    for (let i = 0; i < count; i++) codes[i] = fp8FromFloat(to, values[i] ?? 0);
    return;
  }
  if (to !== "F32") throw unsupported(from, `cast to ${to}`);
  const target = new Float32Array(memory, destination, count);
  if (from === "F32") target.set(new Float32Array(memory, source, count));
  else if (from === "F64") target.set(new Float64Array(memory, source, count));
  else if (from === "F8_E4M3" || from === "F8_E5M2") {
    const table = Float32Array.from({ length: 256 }, (_, bits) => floatFromBits(from, bits));
    const bytes = new Uint8Array(memory, source, count);
    for (let i = 0; i < count; i++) target[i] = table[bytes[i] ?? 0] ?? 0;
  } else throw unsupported(from, `cast to ${to}`);
}
