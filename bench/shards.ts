// Measures row 5 of README.md: a ZeRO-3 save of 8 workers to base and adapter, against reading the bytes that these are made
// of; memory and time over three sizes; and the metadata of a save of 512 workers.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dataDirectory, madeOnce, requireSpace } from "./data.ts";
import { elevenMegabytes, llama405B } from "./llama.ts";
import { describeMachine, watchOthers } from "./machine.ts";
import { cli } from "./merges.ts";
import { runNode } from "./process.ts";
import { replaceSection, rowTable, runTable } from "./report.ts";
import { inRounds } from "./rounds.ts";
import { shardNames, shardRows } from "./shard-rows.ts";
import { neededBytes, type Save, savesIn, settle, splitSave } from "./zero-saves.ts";
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

/** Headers and pickles of many workers; the tensors are holes. */
function manyWorkers(root: string): { readonly directory: string; readonly workers: number } {
  const workers = options.smoke ? 16 : 512;
  const sizes = options.smoke ? elevenMegabytes : llama405B;
  const zero: ZeroOptions = { workers, loraRank: 16, trains: "norms", weights: "holes" };
  const directory = join(root, `zero3-w${workers}-h${sizes.hidden}-holes`);
  madeOnce(directory, { sizes, zero }, (path) => writeZero3(path, sizes, zero));
  return { directory, workers };
}

async function measure(root: string, rounds: number): Promise<string[]> {
  const saves = savesIn(root, { isSmall: options.smoke });
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
      beforeEach: () => settle(saves, { isWarm: options.warm }),
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
