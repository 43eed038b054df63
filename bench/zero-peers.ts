import { execFileSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireSpace } from "./data.ts";
import { describeMachine, watchOthers } from "./machine.ts";
import type { Measured } from "./process.ts";
import { mebibytes, runTable } from "./report.ts";
import { inRounds } from "./rounds.ts";
import { spreadOf } from "./statistics.ts";
import { neededBytes, savesIn, settle, splitSave } from "./zero-saves.ts";

/** What bench/zero_to_fp32.py prints. */
interface Report {
  readonly measured: Measured & Required<Pick<Measured, "peakBytes">>;
  readonly versions: Readonly<Record<string, string>>;
}

const names = { deepspeed: "DeepSpeed's zero_to_fp32, then fsync", tenon: "`tenon split`" };

/**
 * DeepSpeed's zero_to_fp32 and tenon's split on the same ZeRO-3 save of eight workers, in turn; both wait for the disk.
 * Its own seconds leave out the start of Python and its imports; tenon's are those of the whole process.
 */
export async function zeroToFp32(
  python: string,
  root: string,
  { rounds, isSmall }: { readonly rounds: number; readonly isSmall: boolean },
): Promise<string[]> {
  if (!isSmall) requireSpace(root, 20e9);
  const [save] = savesIn(root, { isSmall });
  if (save === undefined) throw new Error("no save was made");
  const reports: Report[] = [];
  const script = fileURLToPath(new URL("zero_to_fp32.py", import.meta.url));
  const machine = describeMachine(root);
  const others = watchOthers();
  const runs = await inRounds(
    [
      {
        name: names.deepspeed,
        run: async () => {
          const printed = execFileSync(
            python,
            ["-W", "ignore", script, join(save.directory, "checkpoint"), save.output],
            {
              encoding: "utf8",
              stdio: ["ignore", "pipe", "pipe"],
            },
          );
          const report = JSON.parse(printed.trim().split("\n").at(-1) ?? "") as Report;
          reports.push(report);
          return report.measured;
        },
      },
      { name: names.tenon, run: () => splitSave(save) },
    ],
    {
      rounds,
      warmUps: 0,
      beforeEach: () => settle([save], { isWarm: false }),
      onRun: (round, name, { seconds }) =>
        console.error(`round ${round + 1}: ${name}: ${seconds.toFixed(2)} s`),
    },
  );
  await rm(save.output, { recursive: true, force: true });
  const median = (name: string): number =>
    spreadOf((runs.get(name) ?? []).map(({ seconds }) => seconds)).median;
  const peak = (name: string): number =>
    mebibytes(Math.max(...(runs.get(name) ?? []).map(({ peakBytes = Number.NaN }) => peakBytes)));
  const versions = Object.entries(reports[0]?.versions ?? {}).map((pair) => pair.join(" "));
  const ratio = (median(names.deepspeed) / median(names.tenon)).toFixed(1);
  return [
    ...machine.map((line) => `- ${line}`),
    `- ${versions.join(", ")}; ${(neededBytes(save.directory) / 1e9).toFixed(3)} GB needed; shards out of the page cache before each run; ${others()}`,
    "",
    `zero_to_fp32 took ${ratio} times as long as \`tenon split\`, and ${peak(names.deepspeed).toFixed(0)} MiB against ${peak(names.tenon).toFixed(0)} MiB at the peak.`,
    "",
    ...runTable(
      [...runs].map(([name, each]) => ({ name, runs: each })),
      "s",
    ),
  ];
}
