/** What several runs took. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly count: number;
}

/** @throws Error when there is nothing to sum up */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const low = sorted[Math.ceil(half) - 1];
  const high = sorted[Math.floor(half)];
  if (low === undefined || high === undefined) throw new Error("no run to sum up");
  return {
    median: (low + high) / 2,
    least: sorted[0] as number,
    most: sorted.at(-1) as number,
    count: sorted.length,
  };
}
