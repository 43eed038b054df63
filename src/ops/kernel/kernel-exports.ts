type Merge = (
  kind: number,
  weights: number,
  strideBytes: number,
  rows: number,
  cols: number,
  right: number,
  left: number,
  loraRank: number,
  scaling: number,
  panelsPerBlock: number,
) => number;

type Pack = (
  from: number,
  ks: number,
  ns: number,
  kStrideBytes: number,
  nStrideBytes: number,
  to: number,
  pitchBytes: number,
  width: number,
) => void;

type Cast = (from: number, to: number, count: number) => void;

type Apart = (a: number, b: number, count: number) => void;

/** What `*.as.ts` exports; integers are 32-bit, and results come back signed. */
export interface KernelExports {
  /** `kind`: see finish.as.ts. */
  readonly merge: Merge;
  readonly packBf16: Pack;
  readonly packF16: Pack;
  readonly packF32: Pack;
  readonly bf16ToF32: Cast;
  readonly f16ToF32: Cast;
  readonly f32ToBf16: Cast;
  readonly f32ToF16: Cast;
  readonly bf16ToF16: Cast;
  readonly f16ToBf16: Cast;
  /** NaN in the low 32 bits, infinities in the high ones. */
  readonly scan16: (at: number, count: number, infinity: number) => bigint;
  readonly scan32: (at: number, count: number) => bigint;
  readonly different: (elementBytes: number, a: number, b: number, count: number) => number;
  /** f64 pairs at 768: largest |a − b|, sums of (a − b)², a², b². */
  readonly apartBf16: Apart;
  readonly apartF16: Apart;
  readonly apartF32: Apart;
  readonly xxh3Stripes: (at: number, byteLength: number, secret: number, lanes: number) => void;
}
