export { bitsFromFloat, type FloatDType, floatFromBits, ulpDistance } from "./float-bits.ts";
export { Kernel, type KernelOptions } from "./kernel/kernel.ts";
export type { Pointer } from "./kernel/pointer.ts";
export { addLowRank, type LowRankTile } from "./low-rank.ts";
export { addLowRankReference, fmaf, type ReferenceTile, type TileRounding } from "./low-rank-reference.ts";
export { allocPacked, type FactorSource, type Packed, packFactor, type Survey } from "./pack.ts";
export type { Accumulate, FactorType, FloatType, Rounding, WeightType } from "./types.ts";
export { xxh3Reference } from "./xxh3.ts";
