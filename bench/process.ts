import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What one run of a program took. Seconds of the wall clock from before it was started until it had ended. */
export interface Measured {
  readonly seconds: number;
  /** The rest only where the program reports it. */
  readonly peakBytes?: number;
  readonly userSeconds?: number;
  readonly systemSeconds?: number;
  /** Waits for the disk that were left out. */
  readonly skippedSyncs?: number;
}

export interface NodeOptions {
  /** Ask for more than the time. It costs the program about a millisecond. */
  readonly reportsUse?: boolean;
  /** Make every fsync of the program return at once. */
  readonly skipsSyncs?: boolean;
}

/** Runs this Node on some arguments. @throws Error with what it wrote to stderr, when it fails */
export function runNode(args: readonly string[], options: NodeOptions = {}): Promise<Measured> {
  const preloads = [
    ...(options.reportsUse ? ["report-use.cjs"] : []),
    ...(options.skipsSyncs ? ["skip-syncs.cjs"] : []),
  ];
  const paths = preloads.map((name) => fileURLToPath(new URL(`preload/${name}`, import.meta.url)));
  return run(process.execPath, [...paths.flatMap((path) => ["--require", path]), ...args]);
}

/** Runs a program. @throws Error with what it wrote to stderr, when it fails */
export async function run(command: string, args: readonly string[]): Promise<Measured> {
  const cpuBefore = childCpu();
  const started = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe", "pipe"] });
  const [, , stderr, report] = child.stdio;
  const complaint = textOf(stderr as NodeJS.ReadableStream);
  const reported = textOf(report as NodeJS.ReadableStream);
  const exited = once(child, "exit").then(([code, signal]) => {
    return { seconds: (performance.now() - started) / 1000, end: code ?? signal };
  });
  const { seconds, end } = await exited;
  if (end !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${end}:\n${await complaint}`);
  const text = await reported;
  const cpu = cpuBefore.map((before, index) => (childCpu()[index] ?? before) - before);
  const [userSeconds, systemSeconds] = cpu;
  return {
    seconds,
    ...(userSeconds === undefined || systemSeconds === undefined ? {} : { userSeconds, systemSeconds }),
    ...(text === "" ? {} : JSON.parse(text)),
  };
}

/**
 * User and system seconds of all children that have ended, to 10 ms; empty where the system does not say. Fields 16
 * and 17 of proc_pid_stat(5), counted after the name, which may hold spaces.
 */
export function childCpu(): number[] {
  try {
    const fields = (readFileSync("/proc/self/stat", "utf8").split(") ")[1] ?? "").split(" ");
    return fields.slice(13, 15).map((ticks) => Number(ticks) / 100);
  } catch {
    return [];
  }
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}
