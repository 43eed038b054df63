import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { type Checkpoint, type JsonRecord, parseJsonRecord } from "../../src/core/index.ts";
import type { ConversionReport, ConvertOptions, Source, SplitOptions } from "../../src/verbs/index.ts";
import { fixture, tenon } from "./tenon.ts";

export type Files = ReadonlyMap<string, Uint8Array>;

export interface Converted {
  readonly files: Files;
  readonly report: ConversionReport;
}

export async function splitInMemory(source: Source, options: Partial<SplitOptions> = {}): Promise<Converted> {
  const output = memorySink();
  const report = await tenon.split(source, { output, ...options });
  return { files: output.files, report };
}

export async function convertInMemory(
  source: Source,
  to: string,
  options: Partial<ConvertOptions> = {},
): Promise<Converted> {
  const output = memorySink();
  const report = await tenon.convert(source, { output, to, ...options });
  return { files: output.files, report };
}

export function openFiles(files: Files): Promise<Checkpoint> {
  return tenon.open(memoryTree(files));
}

/** What lies below a directory of the output, by its path from there. */
export function below(files: Files, directory: string): Map<string, Uint8Array> {
  const inside = [...files].filter(([path]) => path.startsWith(`${directory}/`));
  return new Map(inside.map(([path, bytes]) => [path.slice(directory.length + 1), bytes]));
}

/** Every file directly in a directory of the fixtures. */
export function filesAt(path: string): Map<string, Uint8Array> {
  const entries = readdirSync(fixture(path), { withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(entries.map(({ name }) => [name, new Uint8Array(readFileSync(join(fixture(path), name)))]));
}

export function configAt(directory: string): JsonRecord {
  const file = `${directory}/adapter_config.json`;
  return parseJsonRecord(readFileSync(fixture(file), "utf8"), { file });
}

/** Code and details of what a promise fails with. */
export async function refusalOf(
  run: Promise<unknown>,
): Promise<{ code: string; exitCode: number; hint: string; details: Record<string, unknown> }> {
  try {
    await run;
  } catch (error) {
    return error as never;
  }
  return { code: "no refusal", exitCode: 0, hint: "", details: {} };
}
