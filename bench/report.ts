import { readFileSync, writeFileSync } from "node:fs";
import type { Measured } from "./process.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** One line of DESIGN's table of bounds, measured. */
export interface Row {
  readonly what: string;
  /** The bound in words: `≤ 1.1 ×`. */
  readonly bound: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** Runs of one contender under the name that the tables show. */
export interface Timed {
  readonly name: string;
  readonly runs: readonly Measured[];
}

/** The rows as a Markdown table; without verdicts where the sizes do not deserve one. */
export function rowTable(rows: readonly Row[], { hasVerdicts }: { readonly hasVerdicts: boolean }): string[] {
  const verdict = ({ isMet }: Row): string => (!hasVerdicts ? "" : isMet ? "met" : "**missed**");
  return [
    "| what | bound | measured | |",
    "|---|---|---|---|",
    ...rows.map((row) => `| ${row.what} | ${row.bound} | ${row.measured} | ${verdict(row)} |`),
  ];
}

/** Every contender with its median, its spread and each single run. */
export function runTable(contenders: readonly Timed[], unit: "s" | "ms"): string[] {
  const factor = unit === "s" ? 1 : 1000;
  const digits = unit === "s" ? 2 : 1;
  const show = (seconds: number): string => (seconds * factor).toFixed(digits);
  return [
    `| run | median ${unit} | least – most | CPU s, user + system | peak RSS MiB | each run, in order |`,
    "|---|---|---|---|---|---|",
    ...contenders.map(({ name, runs }) => {
      const seconds = spreadOf(runs.map((each) => each.seconds));
      const cells = [
        name,
        show(seconds.median),
        `${show(seconds.least)} – ${show(seconds.most)}`,
        cpuOf(runs),
        peakOf(runs),
        runs.map((each) => show(each.seconds)).join(" "),
      ];
      return `| ${cells.join(" | ")} |`;
    }),
  ];
}

function cpuOf(runs: readonly Measured[]): string {
  const median = (values: readonly (number | undefined)[]): string | undefined => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : spreadOf(known).median.toFixed(2);
  };
  const user = median(runs.map(({ userSeconds }) => userSeconds));
  const system = median(runs.map(({ systemSeconds }) => systemSeconds));
  return user === undefined || system === undefined ? "" : `${user} + ${system}`;
}

function peakOf(runs: readonly Measured[]): string {
  const spread = peakSpread(runs);
  return spread === undefined ? "" : mebibytes(spread.median).toFixed(0);
}

/** Peak memory in bytes, where the runs report it. */
export function peakSpread(runs: readonly Measured[]): Spread | undefined {
  const peaks = runs.flatMap(({ peakBytes }) => (peakBytes === undefined ? [] : [peakBytes]));
  return peaks.length === 0 ? undefined : spreadOf(peaks);
}

export function mebibytes(bytes: number): number {
  return bytes / 2 ** 20;
}

/** Puts lines between the two marks of a section, `<!-- name -->` and `<!-- /name -->`, of a Markdown file. */
export function replaceSection(path: string, name: string, lines: readonly string[]): void {
  const text = readFileSync(path, "utf8");
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const start = text.indexOf(open);
  const end = text.indexOf(close);
  if (start < 0 || end < start) throw new Error(`no section ${open} … ${close} (${path})`);
  writeFileSync(path, `${text.slice(0, start + open.length)}\n\n${lines.join("\n")}\n\n${text.slice(end)}`);
}
