// Measures what the table of bounds in bench/README.md promises, on files that it generates; see there.
// --smoke proves in seconds that the benchmark works; its times mean nothing.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type BenchData, dataDirectory, prepareData } from "./data.ts";
import { elevenMegabytes, fourGigabytes } from "./llama.ts";
import { describeMachine, watchOthers } from "./machine.ts";
import { cli, mergeContenders, settle } from "./merges.ts";
import { type NodeOptions, runNode } from "./process.ts";
import { replaceSection, rowTable, runTable } from "./report.ts";
import { type Contender, inRounds } from "./rounds.ts";
import { memoryRows, mergeRows, type Runs, startRows, starts } from "./rows.ts";

const results = "bench/RESULTS.md";
const loraRanks = [16, 64];

const { values: options } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    data: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

interface Counts {
  readonly merges: number;
  readonly starts: number;
  readonly warmUps: number;
}

function startContenders(data: BenchData, use: NodeOptions): Contender[] {
  return [
    { name: starts.bare, run: () => runNode(["-e", "0"], use) },
    { name: starts.version, run: () => runNode([cli, "--version"], use) },
    { name: starts.inspect, run: () => runNode([cli, "inspect", data.headers], use) },
  ];
}

async function measure(data: BenchData, counts: Counts): Promise<string[]> {
  const machine = describeMachine(data.root);
  const others = watchOthers();
  const { warmUps } = counts;
  const started = await inRounds(startContenders(data, {}), { rounds: counts.starts, warmUps });
  const used = await inRounds(startContenders(data, { reportsUse: true }), {
    rounds: counts.merges,
    warmUps,
  });
  const merged = await inRounds(mergeContenders(data, loraRanks), {
    rounds: counts.merges,
    warmUps,
    beforeEach: () => settle(data),
    onRun: (round, name, { seconds }) =>
      console.error(`${round < 0 ? "warm-up" : `round ${round + 1}`}: ${name}: ${seconds.toFixed(2)} s`),
  });
  const rows = [
    ...mergeRows(merged),
    ...memoryRows(merged, used.get(starts.bare) ?? []),
    ...startRows(started),
  ];
  return [
    ...machine.map((line) => `- ${line}`),
    `- base of ${(data.baseBytes / 1e9).toFixed(3)} GB; ${counts.merges} rounds of merges and ${counts.starts} of starts count, after ${warmUps} that do not; ${others()}`,
    "",
    ...rowTable(rows, { hasVerdicts: !options.smoke }),
    "",
    ...runTable(timed(merged), "s"),
    "",
    ...runTable(timed(started), "ms"),
    "",
    "Memory of the starts, in runs of their own:",
    "",
    ...runTable(timed(used), "ms"),
  ];
}

function timed(runs: Runs): { name: string; runs: NonNullable<ReturnType<Runs["get"]>> }[] {
  return [...runs].map(([name, each]) => ({ name, runs: each }));
}

if (!existsSync(cli)) throw new Error(`nothing is built; run npm run build (${cli})`);
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a count, not ${options.rounds}`);
const scratch = options.smoke ? mkdtempSync(join(tmpdir(), "tenon-bench-")) : undefined;
const root = scratch ?? dataDirectory(options.data);
try {
  const sizes = options.smoke ? elevenMegabytes : fourGigabytes;
  const data = prepareData(root, { sizes, loraRanks });
  const counts = options.smoke
    ? { merges: 1, starts: 2, warmUps: 0 }
    : { merges: rounds, starts: 3 * rounds, warmUps: 1 };
  const lines = await measure(data, counts);
  console.log(lines.join("\n"));
  rmSync(data.output, { recursive: true, force: true });
  if (options.smoke)
    console.log("\nsmoke: everything ran; the sizes are too small for the times to mean anything");
  else if (options.write) replaceSection(results, "bench", lines);
} finally {
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
}
