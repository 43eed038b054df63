import { link, lstat, rename, rm, unlink } from "node:fs/promises";
import { ConflictError } from "../../core/index.ts";
import { syncParent } from "./durable.ts";
import { systemCode } from "./io-error.ts";
import { exists } from "./leftovers.ts";

/**
 * Gives a complete, durable output its final name.
 *
 * Without `force`: one rename, which fails if something took the name meanwhile. With `force` and something there:
 *
 * 1. target → aside      (a run killed here leaves the old one aside: the next run moves it back)
 * 2. ready  → target     (killed here: both complete; the next run removes the one aside)
 * 3. sync the parent, remove aside
 *
 * so at every instant either the old or the new output is on the disk, whole. A file replaces a file in one rename.
 */
export async function publish(
  ready: string,
  target: string,
  how: { readonly isFile: boolean; readonly force: boolean; readonly aside: string },
): Promise<void> {
  if (how.force && how.isFile && (await isFile(target))) await rename(ready, target);
  else if (how.force && (await exists(target))) await replace(ready, target, how.aside);
  else if (how.isFile) await linkInPlace(ready, target);
  else await renameInPlace(ready, target);
  await syncParent(target);
  await rm(how.aside, { recursive: true, force: true });
}

async function isFile(path: string): Promise<boolean> {
  return (await exists(path)) && (await lstat(path)).isFile();
}

async function replace(ready: string, target: string, aside: string): Promise<void> {
  await rename(target, aside);
  try {
    await rename(ready, target);
  } catch (error) {
    await rename(aside, target);
    throw error;
  }
}

/** rename(2) replaces a file without asking; link(2) does not. */
async function linkInPlace(ready: string, target: string): Promise<void> {
  try {
    await link(ready, target);
    await unlink(ready);
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw outputExists(target, error);
    if (!noHardLinks.has(systemCode(error) ?? "")) throw error;
    if (await exists(target)) throw outputExists(target);
    await rename(ready, target);
  }
}

const noHardLinks: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "ENOSYS", "EMLINK", "EXDEV"]);

async function renameInPlace(ready: string, target: string): Promise<void> {
  try {
    await rename(ready, target);
  } catch (error) {
    if (occupied.has(systemCode(error) ?? "")) throw outputExists(target, error);
    throw error;
  }
}

const occupied: ReadonlySet<string> = new Set(["EEXIST", "ENOTEMPTY", "ENOTDIR"]);

export function outputExists(target: string, cause?: unknown): ConflictError {
  return new ConflictError("TENON_OUTPUT_EXISTS", `the output exists (${target})`, {
    cause,
    details: { path: target },
    hint: "Choose another output, or pass --force to replace it once the new one is complete.",
  });
}
