import { type FileHandle, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode } from "./io-error.ts";

/** Waits until the bytes of a file are on the disk, not only in the system's memory. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a directory durable. Windows and some network file systems cannot, and need not. */
export async function syncDirectory(path: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    await handle.sync();
  } catch (error) {
    if (!cannotSync.has(systemCode(error) ?? "")) throw error;
  } finally {
    await handle?.close();
  }
}

const cannotSync: ReadonlySet<string> = new Set(["EINVAL", "ENOTSUP", "EISDIR", "EPERM"]);

/** Every directory at and below `root`, children first. */
export async function syncDirectoriesBelow(root: string): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncDirectoriesBelow(join(root, entry.name));
  }
  await syncDirectory(root);
}

/** Makes the name of `path` itself durable. */
export function syncParent(path: string): Promise<void> {
  return syncDirectory(dirname(path));
}
