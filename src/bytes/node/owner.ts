import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * Who makes a temporary directory: written into its name, so that it can be told from the very first moment
 * whether its maker is still alive. A process number alone is not enough, since numbers are used again and mean
 * different processes in different containers that share a disk.
 */
export interface Owner {
  /** Host name and process namespace, hashed. Owners of another machine cannot be judged and are let be. */
  readonly machine: string;
  readonly pid: number;
  /** When the process started, in the unit of its system; "0" where the system does not say. */
  readonly startTime: string;
}

export function thisProcess(): Owner {
  return { machine: machineHash(), pid: process.pid, startTime: startTimeOf(process.pid) ?? "0" };
}

/** False only when it is certain that the owner has ended. */
export function mayBeAlive(owner: Owner): boolean {
  if (owner.machine !== machineHash()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as { code?: unknown }).code !== "ESRCH";
  }
  const startTime = startTimeOf(owner.pid);
  return startTime === undefined || owner.startTime === "0" || startTime === owner.startTime;
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot: proc(5). Undefined on systems without /proc. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function machineHash(): string {
  return fnv1a(`${hostname()} ${processNamespace()}`);
}

function processNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

/** Eight hexadecimal digits: enough to tell machines and long names apart; not a digest. */
export function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}
