// Size budgets. A bundle is split into chunks, so a budget counts an entry with everything it imports statically,
// which is what a program downloads, or parses, before its first line runs.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

function closure(entry, seen = new Set()) {
  if (seen.has(entry) || !existsSync(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(entry, "utf8");
  for (const [, specifier] of text.matchAll(/^(?:import|export)\b[^;]*?["'](\.{1,2}\/[^"']+)["'];?/gm)) {
    closure(join(dirname(entry), specifier), seen);
  }
  return seen;
}

const budgets = [
  {
    name: "tenon --version: what the command line loads before it knows its verb",
    entry: "dist/cli.js",
    limit: "10 kB",
  },
  { name: "tenon/browser with all it needs, re2js and zod aside", entry: "dist/browser.js", limit: "170 kB" },
];

export default budgets
  .filter(({ entry }) => existsSync(entry))
  .map(({ name, entry, limit }) => ({ name, path: [...closure(entry)], limit, brotli: true }));
