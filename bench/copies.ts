import { open, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Measured, run } from "./process.ts";

export interface CopyOptions {
  /** Wait until every file, the directory and its name are on the disk. */
  readonly isDurable: boolean;
}

/** What every merge is compared with: the system's `cp` of the whole directory. */
export async function copyDirectory(from: string, to: string, { isDurable }: CopyOptions): Promise<Measured> {
  const started = performance.now();
  const copied = await run("cp", ["-R", from, to]);
  if (isDurable) await syncBelow(to);
  return { ...copied, seconds: (performance.now() - started) / 1000 };
}

/** Flushes every file below a directory, the directories, and the name of the topmost. */
export async function syncBelow(root: string): Promise<void> {
  for (const path of await filesBelow(root)) await sync(path);
  await sync(root);
  await sync(dirname(root));
}

/** Reads every byte, so that it lies in memory. */
export async function warm(directories: readonly string[]): Promise<void> {
  const buffer = new Uint8Array(1024 * 1024);
  for (const directory of directories) {
    for (const path of await filesBelow(directory)) {
      const handle = await open(path);
      while ((await handle.read(buffer, 0, buffer.length)).bytesRead > 0);
      await handle.close();
    }
  }
}

export async function bytesBelow(root: string): Promise<number> {
  let sum = 0;
  for (const path of await filesBelow(root)) sum += (await stat(path)).size;
  return sum;
}

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync();
  await handle.close();
}
