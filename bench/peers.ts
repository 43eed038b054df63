// Runs PEFT on the files that bench/run.ts merges, in turn with tenon: row 3 of bench/README.md. Then DeepSpeed's zero_to_fp32
// on a save that bench/shards.ts splits.
// Needs the Python environment of scripts/venv.sh, and memory for the whole model.
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type BenchData, dataDirectory, prepareData } from "./data.ts";
import { elevenMegabytes, fourGigabytes } from "./llama.ts";
import { describeMachine, watchOthers } from "./machine.ts";
import { cli, mergeWithTenon, names, settle } from "./merges.ts";
import type { Measured } from "./process.ts";
import { type Row, replaceSection, rowTable, runTable } from "./report.ts";
import { inRounds } from "./rounds.ts";
import { spreadOf } from "./statistics.ts";
import { zeroToFp32 } from "./zero-peers.ts";

const loraRank = 16;
const timesFaster = 22;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    data: { type: "string" },
    small: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});

/** What bench/merge_with_peft.py prints. */
interface PeftReport {
  readonly seconds: Readonly<Record<"load" | "merge" | "save" | "fsync" | "total", number>>;
  /** Of the whole process. */
  readonly measured: Required<Pick<Measured, "peakBytes" | "userSeconds" | "systemSeconds">>;
  readonly versions: Readonly<Record<string, string>>;
}

const reports: PeftReport[] = [];

/** Its own seconds, without the start of Python and its imports; tenon's are those of the whole process. */
async function mergeWithPeft(python: string, { base, adapters, output }: BenchData): Promise<Measured> {
  const script = fileURLToPath(new URL("merge_with_peft.py", import.meta.url));
  const printed = execFileSync(python, [script, base, adapters.get(loraRank) ?? "", output], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
  const report = JSON.parse(printed.trim().split("\n").at(-1) ?? "") as PeftReport;
  reports.push(report);
  return { seconds: report.seconds.total, ...report.measured };
}

function row(ours: readonly Measured[], theirs: readonly Measured[], peft: string): Row {
  const [own, other] = [ours, theirs].map((runs) => spreadOf(runs.map(({ seconds }) => seconds)).median);
  const ratio = (other as number) / (own as number);
  return {
    what: `${peft} / ${names.merge(loraRank)}, both durable`,
    bound: `≥ ${timesFaster} ×`,
    measured: `${ratio.toFixed(1)} × (${other?.toFixed(1)} s / ${own?.toFixed(2)} s)`,
    isMet: ratio >= timesFaster,
  };
}

if (!existsSync(cli)) throw new Error(`nothing is built; run npm run build (${cli})`);
const python =
  execFileSync("bash", ["scripts/venv.sh"], { encoding: "utf8" }).trim().split("\n").at(-1) ?? "";
const sizes = options.small ? elevenMegabytes : fourGigabytes;
const data = prepareData(dataDirectory(options.data), { sizes, loraRanks: [loraRank] });
const machine = describeMachine(data.root);
const others = watchOthers();
const peftName = "PEFT load + merge_and_unload + save_pretrained + fsync";
const runs = await inRounds(
  [
    { name: peftName, run: () => mergeWithPeft(python, data) },
    { name: names.merge(loraRank), run: () => mergeWithTenon(data, loraRank) },
  ],
  {
    rounds: Number(options.rounds),
    warmUps: 0,
    beforeEach: () => settle(data),
    onRun: (round, name, { seconds }) =>
      console.error(`round ${round + 1}: ${name}: ${seconds.toFixed(2)} s`),
  },
);
rmSync(data.output, { recursive: true, force: true });
const [theirs = [], ours = []] = [peftName, names.merge(loraRank)].map((name) => runs.get(name) ?? []);
const versions = Object.entries(reports[0]?.versions ?? {}).map((pair) => pair.join(" "));
const parts = (["load", "merge", "save", "fsync"] as const).map((part) => {
  const { median } = spreadOf(reports.map(({ seconds }) => seconds[part]));
  return `${part} ${median.toFixed(1)} s`;
});
const lines = [
  ...machine.map((line) => `- ${line}`),
  `- ${versions.join(", ")}; medians of its parts: ${parts.join(", ")}; its imports are not counted`,
  `- ${others()}`,
  "",
  ...rowTable([row(ours, theirs, peftName)], { hasVerdicts: !options.small }),
  "",
  ...runTable(
    [...runs].map(([name, each]) => ({ name, runs: each })),
    "s",
  ),
];
console.log(lines.join("\n"));
const zeroLines = await zeroToFp32(python, data.root, {
  rounds: Number(options.rounds),
  isSmall: options.small,
});
console.log(zeroLines.join("\n"));
if (options.write && !options.small) {
  replaceSection("bench/RESULTS.md", "peers", lines);
  replaceSection("bench/RESULTS.md", "zero-peers", zeroLines);
}
