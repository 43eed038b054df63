// The kernel's exports; one source file an idea. `npm run kernel` compiles this into wasm.ts.
export { mergeBf16, mergeBf16Twice, mergeF16, mergeF16Twice, mergeF32 } from "./low-rank.as";
export { packBf16, packF16, packF32 } from "./pack.as";
