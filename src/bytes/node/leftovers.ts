import { randomBytes } from "node:crypto";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "./io-error.ts";
import { fnv1a, mayBeAlive, type Owner, thisProcess } from "./owner.ts";

/**
 * The names of temporary directories beside a target, and what happens to those that a killed run left:
 * `.tenon-<name>-<machine>-<pid>-<start>-<random>.partial` holds an output that is not complete,
 * `….old` holds what was at the target while `--force` put the new output in its place.
 */
const shape = /^\.tenon-(.*)-([0-9a-f]{8})-(\d+)-(\d+)-([0-9a-f]{8})\.(partial|old)$/s;

export interface StagingPaths {
  readonly partial: string;
  readonly old: string;
}

export function stagingPathsFor(target: string): StagingPaths {
  const { machine, pid, startTime } = thisProcess();
  const random = randomBytes(4).toString("hex");
  const stem = join(dirname(target), `.tenon-${label(target)}-${machine}-${pid}-${startTime}-${random}`);
  return { partial: `${stem}.partial`, old: `${stem}.old` };
}

/** A name of up to 255 bytes has to leave room for the rest. */
function label(target: string): string {
  const name = basename(target);
  return Buffer.byteLength(name) <= 120 ? name : `${name.slice(0, 30)}~${fnv1a(name)}`;
}

/**
 * Cleans up after runs that were killed. Their `.partial` directories are removed. An `.old` one of this target is
 * moved back when the target is gone (the run died between the two renames), else removed (it died after them).
 */
export async function cleanLeftovers(target: string): Promise<void> {
  const parent = dirname(target);
  for (const name of await readdir(parent)) {
    const leftover = parse(name);
    if (leftover === undefined || mayBeAlive(leftover.owner)) continue;
    const path = join(parent, name);
    if (leftover.kind === "partial") await rm(path, { recursive: true, force: true });
    else if (leftover.label === label(target)) {
      if (await exists(target)) await rm(path, { recursive: true, force: true });
      else await rename(path, target);
    }
  }
}

interface Leftover {
  readonly label: string;
  readonly owner: Owner;
  readonly kind: "partial" | "old";
}

function parse(name: string): Leftover | undefined {
  const parts = shape.exec(name);
  if (parts === null) return undefined;
  const [, of = "", machine = "", pid = "", startTime = "", , kind] = parts;
  const owner = { machine, pid: Number(pid), startTime };
  return { label: of, owner, kind: kind === "old" ? "old" : "partial" };
}

/** Whether anything has this name, a dangling link included. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
