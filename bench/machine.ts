import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { childCpu } from "./process.ts";

/** Where and when numbers were taken, one line each. */
export function describeMachine(directory: string): string[] {
  return [
    `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, commit ${commit()}`,
    `${availableParallelism()} cores of ${cpus()[0]?.model.trim() || "an unknown CPU"}, ${gigabytes(totalmem())} GB of memory`,
    `${type()} ${release()}, files on ${fileSystemOf(directory)}, Node ${process.versions.node}`,
  ];
}

/**
 * Starts to watch; the answer says how many cores the rest of the machine has kept busy since then, in user code (its
 * share in the kernel cannot be told from ours). Much above 0, the numbers are disturbed. Linux only.
 */
export function watchOthers(): () => string {
  const started = performance.now();
  const before = otherUserSeconds();
  return () => {
    const cores = (otherUserSeconds() - before) / ((performance.now() - started) / 1000);
    return `other programs kept ${Number.isNaN(cores) ? "an unknown number of" : Math.max(0, cores).toFixed(2)} cores busy meanwhile`;
  };
}

/** User seconds of all programs but this one and its children; NaN where the system does not say. See proc_stat(5). */
function otherUserSeconds(): number {
  try {
    const [, user, nice] = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").split(/ +/).map(Number);
    const [ownChildren = Number.NaN] = childCpu();
    return ((user ?? Number.NaN) + (nice ?? 0)) / 100 - process.cpuUsage().user / 1e6 - ownChildren;
  } catch {
    return Number.NaN;
  }
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
  try {
    const isChanged = git("status", "--porcelain", "--", "src", "package-lock.json") !== "";
    return git("rev-parse", "--short", "HEAD") + (isChanged ? " with changes" : "");
  } catch {
    return "unknown";
  }
}

/** The type and options of the mount with the longest matching path; Linux only. */
function fileSystemOf(directory: string): string {
  try {
    const mounts = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, at = ""]) => at === "/" || directory === at || directory.startsWith(`${at}/`))
      .sort(([, a = ""], [, b = ""]) => b.length - a.length);
    const [, , kind = "an unknown file system", options = ""] = mounts[0] ?? [];
    return `${kind} (${options})`;
  } catch {
    return "an unknown file system";
  }
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(0);
}
