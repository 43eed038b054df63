// Tells the demo's story: runs the real command line on copies of real files, prints it, and checks what it answers.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { apart, tolerance } from "./logits.ts";
import { files, opening, type Step, steps } from "./story.ts";

/**
 * Runs the story in a new folder, which is removed at the end.
 *
 * @param write takes text for the reader
 * @param told what is done, and what must come of it
 * @returns what went otherwise than told; empty when the story is true
 */
export function tell(write: (text: string) => void, told: readonly Step[] = steps): string[] {
  const folder = mkdtempSync(join(tmpdir(), "tenon-demo-"));
  try {
    for (const [to, from] of Object.entries(files)) cpSync(from, join(folder, to), { recursive: true });
    write(`${opening}\n`);
    // A step stands on those before it: the first that fails ends the story.
    for (const step of told) {
      const problems = take(step, folder, write);
      if (problems.length > 0) return problems;
    }
    return compareLogits(folder, write);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function take(
  { say, command, exitCode, shows }: Step,
  folder: string,
  write: (text: string) => void,
): string[] {
  write(`${say}\n\n$ ${command.map(shellWord).join(" ")}\n`);
  const [program, ...words] = command;
  const args = program === "tenon" ? [resolve("dist/cli.js"), ...words] : words;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  // Progress is for those who wait; the story shows reports and errors.
  const errors = stderr.split("\n").filter((line) => /^(error|hint)\b/.test(line));
  const output = [stdout.trimEnd(), ...errors].filter((text) => text !== "").join("\n");
  write(`${output}\n\n`);
  const told = command.join(" ");
  return [
    ...(status === exitCode ? [] : [`${told}: exit ${status}, not ${exitCode}\n${stderr}`]),
    ...shows.filter((text) => !output.includes(text)).map((text) => `${told}: does not say "${text}"`),
  ];
}

function compareLogits(folder: string, write: (text: string) => void): string[] {
  const recorded = join(folder, "peft/logits.json");
  const found = (directory: string): number => apart(join(folder, directory), recorded);
  const [served, unnoticed] = [found("served"), found("unnoticed")];
  const row = (name: string, difference: number): string =>
    `  ${name.padEnd(34)} ${difference.toExponential(1).padEnd(9)} ${difference <= tolerance ? "agrees" : "another model"}\n`;
  write("What do the models say? Logits of six tokens, computed here, against those of PEFT's live model.\n");
  write(`They agree when no logit differs by more than ${tolerance.toExponential()}.\n\n`);
  write(row("served (merged by tenon)", served));
  write(row("unnoticed (the base was lost)", unnoticed));
  return [
    ...(served <= tolerance ? [] : [`served: logits differ from PEFT's by ${served}`]),
    ...(unnoticed > 1000 * tolerance
      ? []
      : [`unnoticed: logits differ by ${unnoticed} only: nothing was lost`]),
  ];
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
