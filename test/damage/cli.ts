import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export const cli: string = join(import.meta.dirname, "../../dist/cli.js");

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

export function start(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ChildProcess {
  return spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
}

export function ended(child: ChildProcess): Promise<Ended> {
  const chunks: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) =>
      resolve({ code, signal, stderr: Buffer.concat(chunks).toString("utf8") }),
    );
  });
}

/** Path below the directory → SHA-256; undefined when there is no such directory. */
export async function contentsOf(directory: string): Promise<ReadonlyMap<string, string> | undefined> {
  const names = await readdir(directory).catch(() => undefined);
  if (names === undefined) return undefined;
  const hashed = names.sort().map(async (name) => {
    const hash = createHash("sha256").update(await readFile(join(directory, name)));
    return [name, hash.digest("hex")] as const;
  });
  return new Map(await Promise.all(hashed));
}
