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
 * Cleans up after runs that were killed. An `.old` directory of this target is moved back when the run died between the
 * two renames: the target is gone, and the new output still lies in the `.partial` beside it. Otherwise the run had
 * finished; the old output may be half removed by then, and the target may have been deleted since. `.partial`
 * directories are removed.
 */
export async function cleanLeftovers(target: string): Promise<void> {
  const parent = dirname(target);
  const names = await readdir(parent);
  const dead = names.flatMap((name) => {
    const leftover = parse(name);
    return leftover === undefined || mayBeAlive(leftover.owner)
      ? []
      : [{ ...leftover, path: join(parent, name) }];
  });
  for (const { kind, label: of, path } of dead) {
    if (kind !== "old" || of !== label(target)) continue;
    const partial = path.replace(/old$/, "partial");
    if ((await isFilled(partial)) && !(await exists(target))) await rename(path, target);
    else await rm(path, { recursive: true, force: true });
  }
  for (const { kind, path } of dead) if (kind === "partial") await rm(path, { recursive: true, force: true });
}

/** A directory with something in it. */
async function isFilled(path: string): Promise<boolean> {
  return (await exists(path)) && (await readdir(path)).length > 0;
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
