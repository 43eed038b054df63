import { names } from "./merges.ts";
import type { Measured } from "./process.ts";
import { mebibytes, peakSpread, type Row } from "./report.ts";
import { spreadOf } from "./statistics.ts";

export type Runs = ReadonlyMap<string, readonly Measured[]>;

/** Names of the contenders that only start. */
export const starts = {
  bare: "`node -e 0`",
  version: "`tenon --version`",
  inspect: "`tenon inspect` of 405B in 170 shards",
} as const;

function median(runs: Runs, name: string): number {
  return spreadOf((runs.get(name) ?? []).map(({ seconds }) => seconds)).median;
}

function ratioRow(runs: Runs, name: string, against: string, bound: number): Row {
  const [own, other] = [median(runs, name), median(runs, against)];
  const ratio = own / other;
  return {
    what: `${name} / ${against}`,
    bound: `≤ ${bound} ×`,
    measured: `${ratio.toFixed(2)} × (${own.toFixed(2)} s / ${other.toFixed(2)} s)`,
    isMet: ratio <= bound,
  };
}

/** Rows 1, 2: time against copies. */
export function mergeRows(runs: Runs): Row[] {
  return [
    ratioRow(runs, names.merge(16), names.durableCopy, 1.1),
    ratioRow(runs, names.mergeUnsynced(16), names.warmCopy, 2.2),
    ratioRow(runs, names.merge(64), names.durableCopy, 1.4),
  ];
}

/** Row 4: peak memory of the process, all threads together, above that of bare Node. */
export function memoryRows(runs: Runs, bare: readonly Measured[]): Row[] {
  const own = peakSpread(bare)?.median ?? 0;
  return [16, 64].map((loraRank) => {
    const peak = peakSpread(runs.get(names.merge(loraRank)) ?? [])?.most ?? Number.NaN;
    const above = mebibytes(peak - own);
    return {
      what: `highest peak RSS of ${names.merge(loraRank)}, above ${starts.bare}`,
      bound: "≤ 128 MiB",
      measured: `${above.toFixed(0)} MiB (${mebibytes(peak).toFixed(0)} − ${mebibytes(own).toFixed(0)})`,
      isMet: above <= 128,
    };
  });
}

/** Rows 6, 7: time to start, above that of bare Node. */
export function startRows(runs: Runs): Row[] {
  const bounds = [
    [starts.inspect, 150],
    [starts.version, 40],
  ] as const;
  return bounds.map(([name, bound]) => {
    const [own, bare] = [median(runs, name) * 1000, median(runs, starts.bare) * 1000];
    return {
      what: `${name}, above ${starts.bare}`,
      bound: `≤ ${bound} ms`,
      measured: `${(own - bare).toFixed(1)} ms (${own.toFixed(1)} − ${bare.toFixed(1)})`,
      isMet: own - bare <= bound,
    };
  });
}
