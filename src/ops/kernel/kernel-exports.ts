import type { Pointer } from "./pointer.ts";

type Merge = (
  weights: Pointer,
  strideBytes: number,
  rows: number,
  cols: number,
  right: Pointer,
  left: Pointer,
  loraRank: number,
  scaling: number,
  panelsPerBlock: number,
) => number;

type Pack = (
  from: Pointer,
  ks: number,
  ns: number,
  kStrideBytes: number,
  nStrideBytes: number,
  to: Pointer,
  pitchBytes: number,
  width: number,
) => void;

/** What `*.as.ts` exports; integers are 32-bit, and results come back signed. */
export interface KernelExports {
  readonly mergeBf16: Merge;
  readonly mergeF16: Merge;
  readonly mergeF32: Merge;
  readonly mergeBf16Twice: Merge;
  readonly mergeF16Twice: Merge;
  readonly packBf16: Pack;
  readonly packF16: Pack;
  readonly packF32: Pack;
}
