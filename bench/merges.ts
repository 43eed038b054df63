import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { bytesBelow, copyDirectory, warm } from "./copies.ts";
import type { BenchData } from "./data.ts";
import { type Measured, run, runNode } from "./process.ts";
import type { Contender } from "./rounds.ts";

export const cli = "dist/cli.js";

/** Names of the contenders, as the tables show them. */
export const names = {
  durableCopy: "`cp -R`, then fsync of all",
  warmCopy: "`cp -R`",
  merge: (loraRank: number): string => `\`tenon merge\`, r = ${loraRank}`,
  mergeUnsynced: (loraRank: number): string => `\`tenon merge\`, r = ${loraRank}, fsync skipped`,
} as const;

/** Copies and merges of the same base, each into the same place. */
export function mergeContenders(data: BenchData, loraRanks: readonly number[]): Contender[] {
  const copy = (isDurable: boolean): Promise<Measured> =>
    copyDirectory(data.base, data.output, { isDurable });
  const [first] = loraRanks;
  return [
    { name: names.durableCopy, run: () => copy(true) },
    ...loraRanks.map((loraRank) => ({
      name: names.merge(loraRank),
      run: () => mergeWithTenon(data, loraRank),
    })),
    { name: names.warmCopy, run: () => copy(false) },
    ...(first === undefined
      ? []
      : [
          {
            name: names.mergeUnsynced(first),
            run: () => mergeWithTenon(data, first, { skipsSyncs: true }),
          },
        ]),
  ];
}

/** One run of the command line, as a user has it, all options at their defaults. */
export async function mergeWithTenon(
  data: BenchData,
  loraRank: number,
  { skipsSyncs = false }: { readonly skipsSyncs?: boolean } = {},
): Promise<Measured> {
  const adapter = data.adapters.get(loraRank);
  if (adapter === undefined) throw new Error(`no adapter of rank ${loraRank} was made`);
  const measured = await runNode([cli, "merge", data.base, adapter, "-o", data.output, "--quiet"], {
    reportsUse: true,
    skipsSyncs,
  });
  if (skipsSyncs && measured.skippedSyncs === 0) throw new Error("fsync was to be skipped, and none was met");
  await requireMerged(data);
  return measured;
}

/** What came out is a whole checkpoint with its certificate; whether its bits are right is what the tests are for. */
async function requireMerged({ base, output, baseBytes }: BenchData): Promise<void> {
  const missing = readdirSync(base).filter((name) => !existsSync(join(output, name)));
  if (missing.length > 0) throw new Error(`the merge left out ${missing.join(", ")}`);
  if (!existsSync(join(output, "certificate.json"))) throw new Error("the merge wrote no certificate");
  const bytes = await bytesBelow(output);
  if (bytes < baseBytes) throw new Error(`the merge wrote ${bytes} bytes of ${baseBytes}`);
}

/**
 * The same state before each run: base and adapters in the page cache, nothing waiting to be written, the last output
 * gone. It goes last, so that the run may take the memory that it leaves.
 */
export async function settle(data: BenchData): Promise<void> {
  await warm([data.base, ...data.adapters.values()]);
  await rm(data.output, { recursive: true, force: true });
  await run("sync", []);
}
