// Adds up the JSON reports of vitest: `tsx scripts/test-report.ts <folder>` prints "<passed> <failed>", counting
// a report that cannot be read, holds no test, or says that a file failed to load as one failure.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { filesBelow } from "./tree.ts";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** Counts of one report of vitest's json reporter. */
export function countsOf(text: string): Counts {
  let report: { numPassedTests?: unknown; numFailedTests?: unknown; success?: unknown };
  try {
    report = JSON.parse(text) as typeof report;
  } catch {
    return { passed: 0, failed: 1 };
  }
  const { numPassedTests: passed, numFailedTests: failed, success } = report;
  if (!Number.isSafeInteger(passed) || !Number.isSafeInteger(failed)) return { passed: 0, failed: 1 };
  const counts = { passed: passed as number, failed: failed as number };
  // A file that throws while loading has no tests to fail; an empty run proves nothing.
  const isHollow = counts.passed + counts.failed === 0 || (success !== true && counts.failed === 0);
  return isHollow ? { ...counts, failed: 1 } : counts;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const all = filesBelow(process.argv[2] ?? ".", ".json").map((path) => countsOf(readFileSync(path, "utf8")));
  const sum = (key: keyof Counts): number => all.reduce((total, counts) => total + counts[key], 0);
  console.log(`${sum("passed")} ${sum("failed")}`);
}
