import type { Observation } from "../../core/index.ts";

/** What reading a tensor whole counted. */
export interface TensorScan {
  /** Stored name. */
  readonly name: string;
  readonly nan: number;
  readonly infinite: number;
}

/** D21: values that no computation survives. Nobody can say what they should have been. */
export function observeValues(scans: readonly TensorScan[]): Observation[] {
  return [
    ...observe(
      "TENON_TENSOR_NAN",
      scans.filter(({ nan }) => nan > 0),
      ({ nan }) => nan,
    ),
    ...observe(
      "TENON_TENSOR_INF",
      scans.filter(({ infinite }) => infinite > 0),
      ({ infinite }) => infinite,
    ),
  ];
}

function observe(
  code: string,
  scans: readonly TensorScan[],
  count: (scan: TensorScan) => number,
): Observation[] {
  if (scans.length === 0) return [];
  const elements = scans.reduce((sum, scan) => sum + count(scan), 0);
  return [{ code, names: scans.map(({ name }) => name), facts: { elements } }];
}
