// Merges one layer of a 405B model, whose factors do not fit the memory that a merge allows itself: row 4 of
// bench/README.md says "any model size". The base is holes, so its times are no measure of reading.
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { dataDirectory, prepareData } from "./data.ts";
import { layerOf405B } from "./llama.ts";
import { describeMachine, watchOthers } from "./machine.ts";
import { mergeWithTenon, names, settle } from "./merges.ts";
import { runNode } from "./process.ts";
import { replaceSection, rowTable, runTable } from "./report.ts";
import { inRounds } from "./rounds.ts";
import { memoryRows, starts } from "./rows.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "1" },
    data: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const loraRanks = [16, 64];
const data = prepareData(dataDirectory(options.data), { sizes: layerOf405B, loraRanks, weights: "holes" });
const machine = describeMachine(data.root);
const others = watchOthers();
const runs = await inRounds(
  [
    { name: starts.bare, run: () => runNode(["-e", "0"], { reportsUse: true }) },
    ...loraRanks.map((loraRank) => ({
      name: names.merge(loraRank),
      run: () => mergeWithTenon(data, loraRank),
    })),
  ],
  { rounds: Number(options.rounds), warmUps: 0, beforeEach: () => settle(data) },
);
rmSync(data.output, { recursive: true, force: true });
const lines = [
  ...machine.map((line) => `- ${line}`),
  `- base of ${(data.baseBytes / 1e9).toFixed(3)} GB; ${others()}`,
  "",
  ...rowTable(memoryRows(runs, runs.get(starts.bare) ?? []), { hasVerdicts: true }),
  "",
  ...runTable(
    [...runs].map(([name, each]) => ({ name, runs: each })),
    "s",
  ),
];
console.log(lines.join("\n"));
if (options.write) replaceSection("bench/RESULTS.md", "wide", lines);
