// Measures row 5 of README.md: a ZeRO-3 save of 8 workers to base and adapter, against reading the bytes that these are made
// of; memory and time over three sizes; and the metadata of a save of 512 workers.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bytesBelow } from "./copies.ts";
import { dataDirectory, madeOnce, requireSpace } from "./data.ts";
import { elevenMegabytes, fourGigabytes, type LlamaSizes, llama405B } from "./llama.ts";
import { describeMachine, watchOthers } from "./machine.ts";
import { cli } from "./merges.ts";
import { type Measured, run, runNode } from "./process.ts";
import { replaceSection, rowTable, runTable } from "./report.ts";
import { inRounds } from "./rounds.ts";
import { shardNames, shardRows } from "./shard-rows.ts";
import { writeZero3, type ZeroOptions } from "./zero3.ts";

const { values: options } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    warm: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    data: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

interface Save {
  readonly layers: number;
  readonly directory: string;
  readonly output: string;
}

/** 6.5, 3.3 and 1.3 GB of shards; the first is the one that is judged. */
function savesIn(root: string): Save[] {
  const zero: ZeroOptions = { workers: 8, loraRank: 16, trains: "base", weights: "random" };
  const output = join(root, "output");
  return (options.smoke ? [6, 3, 1] : [10, 5, 2]).map((layers) => {
    const sizes: LlamaSizes = { ...(options.smoke ? elevenMegabytes : fourGigabytes), layers };
    const directory = join(root, `zero3-w8-h${sizes.hidden}-l${layers}`);
    madeOnce(directory, { sizes, zero }, (path) => writeZero3(path, sizes, zero));
    return { layers, directory, output };
  });
}

/** Headers and pickles of many workers; the tensors are holes. */
function manyWorkers(root: string): { readonly directory: string; readonly workers: number } {
  const workers = options.smoke ? 16 : 512;
  const sizes = options.smoke ? elevenMegabytes : llama405B;
  const zero: ZeroOptions = { workers, loraRank: 16, trains: "norms", weights: "holes" };
  const directory = join(root, `zero3-w${workers}-h${sizes.hidden}-holes`);
  madeOnce(directory, { sizes, zero }, (path) => writeZero3(path, sizes, zero));
  return { directory, workers };
}

async function splitSave({ directory, output }: Save, skipsSyncs = false): Promise<Measured> {
  const drop = ["--drop", "optimizer", "--drop", "masters", "--drop", "trainer"];
  const args = [cli, "split", join(directory, "checkpoint"), "-o", output, ...drop, "--quiet"];
  const measured = await runNode(args, { reportsUse: true, skipsSyncs });
  if (skipsSyncs && measured.skippedSyncs === 0) throw new Error("fsync was to be skipped, and none was met");
  const [written, needed] = [await bytesBelow(output), neededBytes(directory)];
  if (written < needed * 0.99) throw new Error(`the split wrote ${written} bytes of ${needed}`);
  return measured;
}

function neededBytes(directory: string): number {
  const ranges = JSON.parse(readFileSync(join(directory, "ranges.json"), "utf8")) as { byteLength: number }[];
  return ranges.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** Nothing waiting to be written, the last output gone, and the shards out of the page cache, or with --warm in it. */
async function settle(saves: readonly Save[]): Promise<void> {
  for (const { output } of saves) await rm(output, { recursive: true, force: true });
  await run("sync", []);
  for (const { directory } of saves)
    for (const path of rangeFiles(directory))
      await run("dd", [
        `if=${path}`,
        "of=/dev/null",
        ...(options.warm ? ["bs=4M"] : ["iflag=nocache", "count=0"]),
        "status=none",
      ]);
}

function rangeFiles(directory: string): string[] {
  const ranges = JSON.parse(readFileSync(join(directory, "ranges.json"), "utf8")) as { path: string }[];
  return [...new Set(ranges.map(({ path }) => join(directory, path)))];
}

async function measure(root: string, rounds: number): Promise<string[]> {
  const saves = savesIn(root);
  const many = manyWorkers(root);
  const [judged] = saves as [Save, ...Save[]];
  const machine = describeMachine(root);
  const others = watchOthers();
  const use = { reportsUse: true };
  const copy = ["bench/preload/copy-ranges.cjs", judged.directory];
  const runs = await inRounds(
    [
      { name: shardNames.bare, run: () => runNode(["-e", "0"], use) },
      { name: shardNames.read, run: () => runNode(copy, use) },
      { name: shardNames.copy, run: () => runNode([...copy, judged.output], use) },
      { name: shardNames.unsynced, run: () => splitSave(judged, true) },
      ...saves.map((save) => ({ name: shardNames.split(save.layers), run: () => splitSave(save) })),
      {
        name: shardNames.inspect(many.workers),
        run: () => runNode([cli, "inspect", join(many.directory, "checkpoint"), "--quiet"], use),
      },
    ],
    {
      rounds,
      warmUps: options.smoke ? 0 : 1,
      beforeEach: () => settle(saves),
      onRun: (round, name, { seconds }) =>
        console.error(`round ${round + 1}: ${name}: ${seconds.toFixed(2)} s`),
    },
  );
  await rm(judged.output, { recursive: true, force: true });
  const needed = saves.map(({ layers, directory }) => ({ layers, bytes: neededBytes(directory) }));
  const gigabytes = needed.map(({ layers, bytes }) => `${layers} layers ${(bytes / 1e9).toFixed(3)} GB`);
  return [
    ...machine.map((line) => `- ${line}`),
    `- bytes needed: ${gigabytes.join(", ")}; shards ${options.warm ? "in" : "out of"} the page cache before each run; ${rounds} rounds; ${others()}`,
    "",
    ...rowTable(shardRows(runs, needed, many.workers), { hasVerdicts: !options.smoke }),
    "",
    ...runTable(
      [...runs].map(([name, each]) => ({ name, runs: each })),
      "s",
    ),
  ];
}

if (!existsSync(cli)) throw new Error(`nothing is built; run npm run build (${cli})`);
const rounds = options.smoke ? 1 : Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a count, not ${options.rounds}`);
const scratch = options.smoke ? mkdtempSync(join(tmpdir(), "tenon-bench-")) : undefined;
const root = scratch ?? dataDirectory(options.data);
try {
  if (scratch === undefined) requireSpace(root, 20e9);
  const lines = await measure(root, rounds);
  console.log(lines.join("\n"));
  if (options.smoke)
    console.log("\nsmoke: everything ran; the sizes are too small for the times to mean anything");
  else if (options.write) replaceSection("bench/RESULTS.md", "shards", lines);
} finally {
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
}
