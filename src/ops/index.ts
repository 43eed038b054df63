export { Kernel, type KernelOptions } from "./kernel/kernel.ts";
export type { Pointer } from "./kernel/pointer.ts";
export { addLowRank, type LowRankTile } from "./low-rank.ts";
export { allocPacked, type FactorSource, type Packed, packFactor, type Survey } from "./pack.ts";
export type { Accumulate, FactorType, FloatType, Rounding, WeightType } from "./types.ts";
