// Takes codes that a test asserts by now off the list of excuses, test/house/untested-codes.json. It never adds one: a
// new code comes with its test.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { readErrors } from "./errors-reference.ts";
import { filesBelow } from "./tree.ts";

const listPath = "test/house/untested-codes.json";

/** Error codes that no test names, outside the tests of the house. */
export function untestedCodes(): string[] {
  const texts = filesBelow("test", ".ts")
    .filter((path) => !path.startsWith("test/house/"))
    .map((path) => readFileSync(path, "utf8"));
  const tested = new Set(texts.flatMap((text) => text.match(/\bTENON_[A-Z0-9_]+\b/g) ?? []));
  return [...readErrors().known.keys()].filter((code) => !tested.has(code)).sort();
}

/** The list as it is. */
export function excusedCodes(): string[] {
  return JSON.parse(readFileSync(listPath, "utf8")) as string[];
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const untested = new Set(untestedCodes());
  const left = excusedCodes().filter((code) => untested.has(code));
  writeFileSync(listPath, `${JSON.stringify(left, null, 2)}\n`);
  console.log(`${left.length} codes without a test are excused`);
}
