// Lists files of the checkout for the checks.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const notOurs = /(^|\/)(node_modules|\.tmp|\.data|\.venv|\.git|dist|coverage)(\/|$)/;

/** Files below a folder, `/`-separated and sorted; none when the folder does not exist. */
export function filesBelow(folder: string, ending = ""): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name).replaceAll("\\", "/"))
    .filter((path) => !notOurs.test(path))
    .sort();
}
