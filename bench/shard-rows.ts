import { mebibytes, peakSpread, type Row } from "./report.ts";
import type { Runs } from "./rows.ts";
import { starts } from "./rows.ts";
import { spreadOf } from "./statistics.ts";

interface ShardNames {
  readonly bare: string;
  readonly read: string;
  readonly copy: string;
  readonly unsynced: string;
  split(layers: number): string;
  inspect(workers: number): string;
}

export const shardNames: ShardNames = {
  bare: starts.bare,
  read: "reading the bytes needed",
  copy: "reading and writing them, and fsync",
  unsynced: "`tenon split`, fsync skipped",
  split: (layers) => `\`tenon split\`, ${layers} ${layers === 1 ? "layer" : "layers"}`,
  inspect: (workers) => `\`tenon inspect\` of ${workers} workers`,
};

/** What each save is made of; the first is judged. */
interface Needed {
  readonly layers: number;
  readonly bytes: number;
}

/** Row 5: time against reading, memory flat and time linear over sizes, and metadata of many workers, which has no bound. */
export function shardRows(runs: Runs, needed: readonly Needed[], workers: number): Row[] {
  const median = (name: string): number =>
    spreadOf((runs.get(name) ?? []).map(({ seconds }) => seconds)).median;
  const ratio = (name: string, against: string): Row => {
    const [own, other] = [median(name), median(against)];
    return {
      what: `${name} / ${against}`,
      bound: "≤ 1.3 ×",
      measured: `${(own / other).toFixed(2)} × (${own.toFixed(2)} s / ${other.toFixed(2)} s)`,
      isMet: own / other <= 1.3,
    };
  };
  const bare = peakSpread(runs.get(shardNames.bare) ?? [])?.median ?? 0;
  const above = (name: string): number =>
    mebibytes((peakSpread(runs.get(name) ?? [])?.most ?? Number.NaN) - bare);
  const memory = needed.map(({ layers, bytes }): Row => {
    const name = shardNames.split(layers);
    const perGigabyte = median(name) / (bytes / 1e9);
    return {
      what: `highest peak RSS of ${name}, above ${shardNames.bare}`,
      bound: "≤ 128 MiB",
      measured: `${above(name).toFixed(0)} MiB, at ${perGigabyte.toFixed(2)} s per GB needed`,
      isMet: above(name) <= 128,
    };
  });
  const [judged] = needed;
  const inspect = shardNames.inspect(workers);
  return [
    ratio(shardNames.unsynced, shardNames.read),
    ratio(shardNames.split(judged?.layers ?? 0), shardNames.copy),
    ...memory,
    {
      what: `${inspect}, metadata alone`,
      bound: "shown",
      measured: `${median(inspect).toFixed(2)} s, ${above(inspect).toFixed(0)} MiB above ${shardNames.bare}`,
      isMet: true,
    },
  ];
}
