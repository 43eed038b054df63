import { readFile } from "node:fs/promises";
import { type JsonRecord, parseJsonRecord, UsageError } from "../core/index.ts";
import type { ReadOptions, RunOptions, WriteOptions } from "../verbs/index.ts";
import type { Call } from "./command.ts";

/** Flags that say how sources are read, as the library takes them. @throws UsageError TENON_OPTION_FILE; FormatError */
export async function readOptions({ options, signal }: Call): Promise<ReadOptions> {
  const { layout, alpha } = options;
  const file = options["adapter-config"];
  const orderFile = options["param-order"];
  return {
    signal,
    ...(layout !== undefined && { layout }),
    ...(alpha !== undefined && { alpha }),
    ...(file !== undefined && { adapterConfig: await readConfig(file) }),
    ...(orderFile !== undefined && { paramOrder: await readNames(orderFile) }),
  };
}

/** Flags that say how work on bytes runs. */
export function runOptions({ options, signal, onProgress }: Call): RunOptions {
  const { memory, threads } = options;
  return {
    signal,
    onProgress,
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(threads !== undefined && { threads }),
  };
}

/** Flags of verbs that write. `output` is there, since the table requires it of them. */
export function writeOptions(call: Call): WriteOptions {
  const { output = "", force, drop } = call.options;
  const [dryRun, maxShardBytes] = [call.options["dry-run"], call.options["max-shard-size"]];
  return {
    ...runOptions(call),
    output,
    ...(force && { force }),
    ...(dryRun && { dryRun }),
    ...(drop && { drop }),
    ...(maxShardBytes !== undefined && { maxShardBytes }),
  };
}

async function readConfig(file: string): Promise<JsonRecord> {
  const text = await readOptionFile("adapter-config", file, "Give the path of an adapter_config.json.");
  return parseJsonRecord(text, { file });
}

/** One name a line; empty lines do not count. */
async function readNames(file: string): Promise<readonly string[]> {
  const text = await readOptionFile("param-order", file, "Give a file with one parameter name a line.");
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** @throws UsageError TENON_OPTION_FILE */
async function readOptionFile(option: string, file: string, hint: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const { code = "cannot be read" } = cause as NodeJS.ErrnoException;
    throw new UsageError("TENON_OPTION_FILE", `--${option}: ${code} (${file})`, {
      details: { option, path: file, found: code },
      hint,
      cause,
    });
  }
}
