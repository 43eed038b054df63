// ZeRO-3 saves of eight workers, and tenon's split of them: what shards.ts and zero-peers.ts measure.
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { bytesBelow } from "./copies.ts";
import { madeOnce } from "./data.ts";
import { elevenMegabytes, fourGigabytes, type LlamaSizes } from "./llama.ts";
import { cli } from "./merges.ts";
import { type Measured, run, runNode } from "./process.ts";
import { writeZero3, type ZeroOptions } from "./zero3.ts";

export interface Save {
  readonly layers: number;
  readonly directory: string;
  readonly output: string;
}

/** 6.5, 3.3 and 1.3 GB of shards; the first is the one that is judged. */
export function savesIn(root: string, { isSmall }: { readonly isSmall: boolean }): Save[] {
  const zero: ZeroOptions = { workers: 8, loraRank: 16, trains: "base", weights: "random" };
  const output = join(root, "output");
  return (isSmall ? [6, 3, 1] : [10, 5, 2]).map((layers) => {
    const sizes: LlamaSizes = { ...(isSmall ? elevenMegabytes : fourGigabytes), layers };
    const directory = join(root, `zero3-w8-h${sizes.hidden}-l${layers}`);
    madeOnce(directory, { sizes, zero }, (path) => writeZero3(path, sizes, zero));
    return { layers, directory, output };
  });
}

export async function splitSave({ directory, output }: Save, skipsSyncs = false): Promise<Measured> {
  const drop = ["--drop", "optimizer", "--drop", "masters", "--drop", "trainer"];
  const args = [cli, "split", join(directory, "checkpoint"), "-o", output, ...drop, "--quiet"];
  const measured = await runNode(args, { reportsUse: true, skipsSyncs });
  if (skipsSyncs && measured.skippedSyncs === 0) throw new Error("fsync was to be skipped, and none was met");
  const [written, needed] = [await bytesBelow(output), neededBytes(directory)];
  if (written < needed * 0.99) throw new Error(`the split wrote ${written} bytes of ${needed}`);
  return measured;
}

export function neededBytes(directory: string): number {
  const ranges = JSON.parse(readFileSync(join(directory, "ranges.json"), "utf8")) as { byteLength: number }[];
  return ranges.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** Nothing waiting to be written, the last output gone, and the shards out of the page cache, or in it when warm. */
export async function settle(
  saves: readonly Save[],
  { isWarm }: { readonly isWarm: boolean },
): Promise<void> {
  for (const { output } of saves) await rm(output, { recursive: true, force: true });
  await run("sync", []);
  for (const { directory } of saves)
    for (const path of rangeFiles(directory))
      await run("dd", [
        `if=${path}`,
        "of=/dev/null",
        ...(isWarm ? ["bs=4M"] : ["iflag=nocache", "count=0"]),
        "status=none",
      ]);
}

function rangeFiles(directory: string): string[] {
  const ranges = JSON.parse(readFileSync(join(directory, "ranges.json"), "utf8")) as { path: string }[];
  return [...new Set(ranges.map(({ path }) => join(directory, path)))];
}
