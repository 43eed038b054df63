// Checks that package.json and dist agree: every file that package.json names is built with its declarations, every
// package that the build imports is a run-time dependency, and the browser's files import nothing of Node.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { filesBelow } from "./tree.ts";

interface Manifest {
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Every file that a manifest promises, relative to its folder. */
export function promisedFiles({ bin, exports }: Manifest): string[] {
  const leaves = (value: unknown): string[] => {
    if (typeof value === "string") return [value];
    return typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [];
  };
  return [...new Set([...leaves(bin), ...leaves(exports)])].map((path) => path.replace(/^\.\//, ""));
}

/** Module specifiers that a built file imports, statically or not. */
export function importsOf(code: string): string[] {
  const found = [
    ...code.matchAll(/^(?:import|export)\b[^;"']*?["']([^"']+)["']/gm),
    ...code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g),
  ];
  return [...new Set(found.map(([, specifier]) => specifier as string))];
}

/** The built files that an entry loads, itself included. */
function closureOf(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry) || !existsSync(entry)) return seen;
  seen.add(entry);
  for (const specifier of importsOf(readFileSync(entry, "utf8"))) {
    if (specifier.startsWith(".")) closureOf(join(dirname(entry), specifier), seen);
  }
  return seen;
}

export function problemsOf(manifest: Manifest): string[] {
  const problems: string[] = [];
  for (const path of promisedFiles(manifest)) {
    if (!existsSync(path)) problems.push(`package.json names ${path}, which is not built`);
  }
  for (const path of filesBelow("dist", ".js")) {
    for (const specifier of importsOf(readFileSync(path, "utf8"))) {
      if (specifier.startsWith("node:")) continue;
      if (specifier.startsWith(".")) {
        if (!existsSync(join(dirname(path), specifier)))
          problems.push(`${path} imports ${specifier}: no such file`);
        continue;
      }
      const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
      if (!Object.hasOwn(manifest.dependencies ?? {}, name)) {
        problems.push(`${path} imports "${name}", which is not in dependencies`);
      }
    }
  }
  for (const path of closureOf("dist/browser.js")) {
    for (const specifier of importsOf(readFileSync(path, "utf8"))) {
      if (specifier.startsWith("node:"))
        problems.push(`dist/browser.js loads ${path}, which imports ${specifier}`);
    }
  }
  return problems;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const problems = problemsOf(JSON.parse(readFileSync("package.json", "utf8")) as Manifest);
  for (const problem of problems) console.log(`error: ${problem}`);
  process.exit(problems.length === 0 ? 0 : 1);
}
