// Checks that files are short and named after what they hold: aim 150 lines, refuse past 300 unless the first line says
// why; twice as many for tests. No file named after nothing in particular.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { filesBelow } from "./tree.ts";

/** Past this many lines a reader loses the thread; a warning. */
export const longLines = 150;
/** Past this many lines a file holds two ideas, unless its first line says why it is one. */
export const refusedLines = 300;

/** A test file is a list of cases, each read by itself; it may be this many times as long. */
const testFactor = 2;

const emptyNames = /^(utils?|helpers?|common|misc)\b/i;

export interface Verdict {
  readonly path: string;
  readonly severity: "error" | "warning";
  readonly message: string;
}

/** Judges one file by its path and text. A reason reads `// long: <why it is one file>` on the first line. */
export function judgeFile(path: string, text: string): Verdict[] {
  const verdicts: Verdict[] = [];
  const folders = path.split("/");
  if (folders.some((part) => emptyNames.test(part))) {
    const message = `"${basename(path)}": name the idea it holds (ranges.ts, align.ts), not that it helps`;
    verdicts.push({ path, severity: "error", message });
  }
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  const firstLine = text.slice(0, text.indexOf("\n") + 1 || undefined);
  if (/^\/\/ (generated|Generated) /.test(firstLine)) return verdicts;
  const factor = path.startsWith("test/") ? testFactor : 1;
  const hasReason = /^\/\/ long: \S.{10,}/.test(firstLine);
  if (lines > refusedLines * factor && !hasReason) {
    const message = `${lines} lines, ${refusedLines * factor} allowed; split it, or say why on the first line: // long: …`;
    verdicts.push({ path, severity: "error", message });
  } else if (lines > longLines * factor && !hasReason) {
    verdicts.push({ path, severity: "warning", message: `${lines} lines, aim for ${longLines * factor}` });
  }
  return verdicts;
}

/** Every file of the product and its checks that a person wrote. */
export function sourceFiles(): string[] {
  return ["src", "scripts", "test", "bench", "examples"]
    .flatMap((folder) => filesBelow(folder, ".ts"))
    .filter((path) => !path.startsWith("test/fixtures/"));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const verdicts = sourceFiles().flatMap((path) => judgeFile(path, readFileSync(path, "utf8")));
  for (const { path, severity, message } of verdicts) console.log(`${severity}: ${path}: ${message}`);
  process.exit(verdicts.some(({ severity }) => severity === "error") ? 1 : 0);
}
