// Runs the built command line as a user does: another process, its streams and its exit code.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

export const cli: string = join(import.meta.dirname, "../../dist/cli.js");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const [stdout = "", stderr = ""] = [out, err].map((chunks) => Buffer.concat(chunks).toString("utf8"));
      resolve({ code, stdout, stderr });
    });
  });
  return { child, ended };
}

export function tenon(...args: readonly string[]): Promise<Ended> {
  return start(args).ended;
}
