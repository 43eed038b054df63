import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seed } from "./python.ts";

/** The build to judge; TENON_CLI names another one, such as an installed package's. */
const program = process.env["TENON_CLI"] ?? join(import.meta.dirname, "../../dist/cli.js");

export interface Outcome {
  readonly exitCode: number;
  /** What `--json` printed. */
  readonly report: Readonly<Record<string, unknown>>;
  readonly stderr: string;
}

/** Runs the built command line with `--json`, whatever it ends with. */
export function attempt(...words: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 64 * 2 ** 20 };
    execFile(process.execPath, [program, ...words, "--json"], options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode !== "number") reject(error);
      else if (stdout.trim() === "") reject(new Error(`tenon ${words.join(" ")}: no report\n${stderr}`));
      else resolve({ exitCode, report: JSON.parse(stdout) as Outcome["report"], stderr });
    });
  });
}

/** Runs the built command line, which must succeed, and gives its report. */
export async function tenon(...words: readonly string[]): Promise<Outcome["report"]> {
  const { exitCode, report, stderr } = await attempt(...words);
  if (exitCode === 0) return report;
  const shown = JSON.stringify(report, null, 2).slice(0, 4000);
  throw new Error(`seed ${seed}: tenon ${words.join(" ")} ended with ${exitCode}\n${shown}\n${stderr}`);
}

/** A folder for one test file. TENON_KEEP=1 leaves it there to be looked at. */
export function scratch(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "tenon-interop-"));
  const isKept = process.env["TENON_KEEP"] === "1";
  return {
    path,
    remove: () => (isKept ? console.log(path) : rmSync(path, { recursive: true, force: true })),
  };
}
