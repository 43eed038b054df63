// The kernel's exports; one source file an idea. `npm run kernel` compiles this into wasm.ts.
export { bf16ToF32, bf16ToF16, f16ToBf16, f16ToF32, f32ToBf16, f32ToF16 } from "./cast.as";
export { merge } from "./low-rank.as";
export { apartBf16, apartF16, apartF32, different, scan16, scan32 } from "./measure.as";
export { packBf16, packF16, packF32 } from "./pack.as";
export { xxh3Stripes } from "./xxh3.as";
