// Compiles and runs the snippets of the documents.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import type { Block } from "./markdown.ts";

/** Compiles the ts blocks of all documents at once. `tenon` resolves to this package by its own exports. */
export function typeErrors(blocks: readonly Block[]): string[] {
  const chosen = blocks.filter(({ language, mark }) => language === "ts" && mark !== "not compiled");
  if (chosen.length === 0) return [];
  mkdirSync("test/.tmp", { recursive: true });
  const folder = mkdtempSync("test/.tmp/snippets-");
  try {
    chosen.forEach(({ code }, index) => {
      writeFileSync(join(folder, `snippet-${index}.ts`), `${code}\nexport {};\n`);
    });
    const compilerOptions = {
      noUnusedLocals: false,
      isolatedDeclarations: false,
      declaration: false,
      noEmit: true,
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: "../../../tsconfig.json", compilerOptions, include: ["*.ts"], exclude: [] }),
    );
    const { stdout } = spawnSync("npx", ["--no-install", "tsc", "-p", folder, "--pretty", "false"], {
      encoding: "utf8",
    });
    return stdout
      .split("\n")
      .filter((line) => line.includes("error TS"))
      .map((line) => {
        const [, index, row, message] = /snippet-(\d+)\.ts\((\d+),\d+\): (.*)$/.exec(line) ?? [];
        const block = index === undefined ? undefined : chosen[Number(index)];
        return block === undefined ? line : `${block.path}:${block.line + Number(row)}: ${message}`;
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Whether output says what a document shows: its lines occur in this order, perhaps with others between. Runs of spaces
 * are one space, every number equals every other, and `…` stands for anything.
 */
export function saysSo(shown: string, output: string): string | undefined {
  const plain = (line: string): string =>
    line
      .replaceAll(/\d+(?:[.,\u2009\u202f ]\d+)*/g, "0")
      .replaceAll(/\s+/g, " ")
      .trim();
  const actual = output.split("\n").map(plain);
  let next = 0;
  for (const line of shown.split("\n").filter((text) => text.trim() !== "" && text.trim() !== "…")) {
    const parts = plain(line).split("…");
    const pattern = new RegExp(`^${parts.map(escaped).join(".*")}$`);
    while (next < actual.length && !pattern.test(actual[next] ?? "")) next += 1;
    if (next === actual.length) return line;
    next += 1;
  }
  return undefined;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A block that runs: `<!-- run -->` above it, or `<!-- run: exit 1 -->`. */
export function exitCodeOf(mark: string): number | undefined {
  const match = /^run(?:: exit (\d+))?$/.exec(mark);
  return match === null ? undefined : Number(match[1] ?? 0);
}

/**
 * Runs the marked blocks of one document in order, in a copy of the checkout where `tenon` is the built command line.
 * Returns what went otherwise than the document says.
 */
export function runBlocks(blocks: readonly Block[]): string[] {
  const problems: string[] = [];
  if (!blocks.some(({ mark }) => exitCodeOf(mark) !== undefined)) return problems;
  const copy = copyOfCheckout();
  try {
    blocks.forEach((block, index) => {
      const expected = exitCodeOf(block.mark);
      if (expected === undefined) return;
      const where = `${block.path}:${block.line}`;
      const { status, stdout, stderr } = spawnSync(...commandOf(block, copy), {
        cwd: copy,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 120_000,
        env: {
          ...process.env,
          PATH: `${join(copy, ".bin")}${delimiter}${process.env["PATH"]}`,
          NO_COLOR: "1",
        },
      });
      if (status !== expected) problems.push(`${where}: exit ${status}, not ${expected}\n${stdout}${stderr}`);
      const after = blocks[index + 1];
      if (after?.language !== "text") return;
      const missing = saysSo(after.code, `${stdout}\n${stderr}`);
      if (missing !== undefined) {
        problems.push(`${after.path}:${after.line}: not printed: ${missing}\n${stdout}${stderr}`);
      }
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  return problems;
}

/** A block of the shell, or a module that sees `tenon` as a program does that installed it. */
function commandOf({ language, code, line }: Block, copy: string): [string, string[]] {
  if (language !== "ts") return ["bash", ["-euo", "pipefail", "-c", code]];
  const file = join(copy, `line-${line}.ts`);
  writeFileSync(file, code);
  return [process.execPath, ["--import", "tsx", file]];
}

const leftBehind = [".git", ".venv", ".cache", "node_modules", "dist", "coverage", ".tmp", ".data"];

/** By tar, which takes a third of the time of `cpSync` with a filter. Its 1 means: a file changed while it was read. */
const copying = 'to="$1"; shift; { tar -cf - "$@" . || [[ $? -eq 1 ]]; } | tar -xf - -C "$to"';

function copyOfCheckout(): string {
  const copy = mkdtempSync(join(tmpdir(), "tenon-docs-"));
  const exclusions = leftBehind.map((name) => `--exclude=${name}`);
  const pack = ["-euo", "pipefail", "-c", copying, "bash"];
  const { status, stderr } = spawnSync("bash", [...pack, copy, ...exclusions], { encoding: "utf8" });
  if (status !== 0) throw new Error(`no copy of the checkout: ${stderr}`);
  for (const name of ["node_modules", "dist"]) symlinkSync(resolve(name), join(copy, name));
  mkdirSync(join(copy, ".bin"));
  const cli = resolve("dist/cli.js");
  writeFileSync(join(copy, ".bin/tenon"), `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`, {
    mode: 0o755,
  });
  return copy;
}
