// Size budgets. A bundle is split into chunks: one budget counts an entry with everything it imports statically, which is what
// a program downloads, or parses, before its first line runs; another counts what it may load later too, verb by verb.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const atOnce = /^(?:import|export)\b[^;]*?["'](\.{1,2}\/[^"']+)["'];?/gm;
const ever = /(?:^(?:import|export)\b[^;]*?|\bimport\()["'](\.{1,2}\/[^"']+)["']/gm;

function closure(entry, imports, seen = new Set()) {
  if (seen.has(entry) || !existsSync(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(entry, "utf8");
  for (const [, specifier] of text.matchAll(imports)) closure(join(dirname(entry), specifier), imports, seen);
  return seen;
}

const budgets = [
  {
    name: "tenon --version: what the command line loads before it knows its verb",
    entry: "dist/cli.js",
    imports: atOnce,
    limit: "10 kB",
  },
  {
    name: "tenon/browser before its first line runs, re2js and zod aside",
    entry: "dist/browser.js",
    imports: atOnce,
    limit: "120 kB",
  },
  {
    name: "tenon/browser with all that it may load later",
    entry: "dist/browser.js",
    imports: ever,
    limit: "290 kB",
  },
];

export default budgets
  .filter(({ entry }) => existsSync(entry))
  .map(({ name, entry, imports, limit }) => ({
    name,
    path: [...closure(entry, imports)],
    limit,
    brotli: true,
  }));
