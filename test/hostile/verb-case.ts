import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { isTenonError } from "../../src/core/index.ts";
import { tenonOn } from "../../src/verbs/index.ts";
import { scratch } from "../bytes/node/scratch.ts";
import { inlineHost } from "../verbs/tenon.ts";

// Threads cost more than these files do.
const tenon = tenonOn(inlineHost);

/** How the verbs are pointed at what was laid. */
export interface Call {
  readonly source: string;
  readonly base?: string;
  /** Default: `<root>/out`, which does not exist. */
  readonly output?: string;
  readonly force?: boolean;
}

/** `refused`: the error that must be thrown. `finds`: what the report must name. `done`: it succeeds. */
export type Answer =
  | { readonly refused: string; readonly exit: 1 | 2 | 3 | 4 | 5 }
  | { readonly finds: string }
  | { readonly done: true; readonly prove?: (done: Done) => void | Promise<void> };

export interface Done {
  /** What the verb returned. */
  readonly report: unknown;
  readonly call: Call;
  readonly output: string;
}

export type VerbName = "inspect" | "diagnose" | "split" | "merge" | "convert" | "verify";

/** One attack by a directory that the verbs are given, and the answer that each must give. */
export interface VerbCase {
  /** What it tries, as the end of the sentence "a checkpoint that …". */
  readonly attack: string;
  /** Lays it into an empty directory. */
  lay(root: string): Promise<Call>;
  readonly answers: Partial<Readonly<Record<VerbName, Answer>>>;
}

export const refused = (code: string, exit: 1 | 2 | 3 | 4 | 5 = 3): Answer => ({ refused: code, exit });
export const finds = (code: string): Answer => ({ finds: code });
export const done = (prove?: (done: Done) => void | Promise<void>): Answer => ({
  done: true,
  ...(prove && { prove }),
});

/** Every verb that writes refuses alike; those that only look name it. */
export function refusedBy(code: string, exit: 1 | 2 | 3 | 4 | 5 = 3): VerbCase["answers"] {
  const no = refused(code, exit);
  return { inspect: no, diagnose: finds(code), split: no, merge: no, convert: no, verify: no };
}

/** Long enough for any of them on a busy machine; short enough to notice a hang or an allocation by a number in a file. */
const limitMs = 8000;

function run(verb: VerbName, call: Call, output: string): Promise<unknown> {
  const { source, base, force } = call;
  const read = base === undefined ? {} : { base };
  const write = { ...read, output, ...(force && { force }) };
  switch (verb) {
    case "inspect":
      return tenon.inspect(source, read);
    case "diagnose":
      return tenon.diagnose(source, read);
    case "verify":
      return tenon.verify(source);
    case "split":
      return tenon.split(source, write);
    case "convert":
      return tenon.convert(source, { ...write, to: "peft-hybrid" });
    case "merge":
      return tenon.merge(source, write);
  }
}

/** Runs every verb that the case names on a directory of its own. */
export async function attempt({ lay, answers }: VerbCase): Promise<void> {
  await using root = await scratch();
  const call = await lay(root.path);
  for (const [verb, answer] of Object.entries(answers) as [VerbName, Answer][]) {
    const output = call.output ?? join(root.path, "out");
    const isWritten = "done" in answer && !/^(?:inspect|diagnose|verify)$/.test(verb);
    const before = await snapshot(root.path, isWritten ? output : undefined);
    const started = performance.now();
    const outcome = await settled(run(verb, call, output));
    expect(performance.now() - started, `${verb}: milliseconds`).toBeLessThan(limitMs);
    await judge(verb, answer, outcome, { report: outcome.report, call, output });
    // Nothing of a refusal stays; of a success only the output.
    const after = await snapshot(root.path, isWritten ? output : undefined);
    expect(after, `${verb}: what was touched`).toEqual(before);
    if (isWritten) await rm(output, { recursive: true, force: true });
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect(Object.keys(Object.getPrototypeOf({}) as object)).toEqual([]);
}

interface Outcome {
  readonly report?: unknown;
  readonly error?: unknown;
}

function settled(running: Promise<unknown>): Promise<Outcome> {
  return running.then(
    (report) => ({ report }),
    (error: unknown) => ({ error }),
  );
}

async function judge(verb: string, answer: Answer, { error, report }: Outcome, done: Done): Promise<void> {
  if (error !== undefined && !isTenonError(error)) throw error;
  if ("refused" in answer) {
    const {
      code,
      exitCode,
      message = "",
    } = (error ?? { code: "no error" }) as Partial<Error & { code: string; exitCode: number }>;
    expect({ code, exitCode }, verb).toEqual({ code: answer.refused, exitCode: answer.exit });
    expect(message.length, `${verb}: length of the message`).toBeLessThan(10_000);
    expect(JSON.stringify(error).length, `${verb}: length of the report`).toBeLessThan(1_000_000);
    return;
  }
  if (error !== undefined) throw new Error(`${verb}: ${error.code}: ${error.message.slice(0, 500)}`);
  if ("finds" in answer) expect(codesIn(report), verb).toContain(answer.finds);
  else await answer.prove?.(done);
}

/** What a diagnosis or a verification complains about. */
function codesIn(report: unknown): readonly (string | null)[] {
  const { findings = [], failures = [] } = report as {
    findings?: { code: string }[];
    failures?: { code: string | null; check: string }[];
  };
  return [...findings.map(({ code }) => code), ...failures.map(({ code, check }) => code ?? check)];
}

/** Everything below a directory: path → what it is. Large files go by their size. */
async function snapshot(root: string, without?: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (without !== undefined && (path === without || path.startsWith(`${without}/`))) continue;
    const { size } = await lstat(path);
    if (entry.isSymbolicLink()) found.set(path, `link to ${await readlink(path)}`);
    else if (!entry.isFile()) found.set(path, "directory or pipe");
    else if (size > 1e6) found.set(path, `${size} bytes`);
    else
      found.set(
        path,
        createHash("sha256")
          .update(await readFile(path))
          .digest("hex"),
      );
  }
  return found;
}
