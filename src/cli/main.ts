import process from "node:process";
import { generalHelp, verbHelp } from "./help.ts";
import { type CommandLine, parseCommandLine } from "./parse.ts";
import { printedError } from "./print-error.ts";
import { showProgress } from "./progress.ts";
import type { Sections } from "./sections.ts";
import { seenFrom } from "./shown-paths.ts";
import { verbs } from "./verbs.ts";

/**
 * The program: reads arguments, runs a verb, prints its report once.
 *
 * @param args after `tenon`
 * @returns the exit code; see `docs/reference/cli.md`
 */
export async function main(args: readonly string[], version: string): Promise<number> {
  watchForClosedPipe(process.stdout, "stdout");
  watchForClosedPipe(process.stderr, "stderr");
  // Before parsing, which may fail: its error must come as JSON too.
  const isJson = args.includes("--json");
  try {
    const line = parseCommandLine(args);
    if (line.options.version) return print(`tenon ${version}`);
    const spec = line.verb === undefined ? undefined : verbs[line.verb];
    if (spec === undefined) return print(generalHelp(version));
    if (line.options.help) return print(verbHelp(line.verb ?? "", spec));
    return await run(line, await spec.load());
  } catch (error) {
    const { exitCode, text, report } = printedError(error, Boolean(process.env["TENON_DEBUG"]));
    if (isJson) print(JSON.stringify(report, null, 2));
    else process.stderr.write(`${seenFrom(process.cwd(), text)}\n`);
    return exitCode;
  }
}

async function run(
  { arguments: words, options }: CommandLine,
  command: Awaited<ReturnType<NonNullable<(typeof verbs)[string]>["load"]>>,
): Promise<number> {
  const interruption = new AbortController();
  const stopListening = onInterrupt(interruption);
  const shown = options.quiet ? undefined : showProgress(process.stderr);
  const show = (text: Sections): void => {
    if (!options.json && !options.quiet)
      print(seenFrom(process.cwd(), text.toText(isColoured(process.stdout))));
  };
  let isDone = false;
  try {
    const answer = await command({
      arguments: words,
      options,
      signal: interruption.signal,
      onProgress: (progress) => shown?.report(progress),
      onPreview: show,
    });
    isDone = true;
    shown?.end(isDone);
    if (options.json) print(JSON.stringify(answer.report, null, 2));
    else show(answer.text);
    return answer.exitCode;
  } finally {
    if (!isDone) shown?.end(isDone);
    stopListening(isDone);
  }
}

/**
 * The first signal lets the verb clean up; the second does not wait. What is returned stops the listening: once a verb is
 * done its output is complete, and a signal that comes while the process ends must not make that look like a failure.
 */
function onInterrupt(interruption: AbortController): (isDone: boolean) => void {
  const listener = (signal: NodeJS.Signals): void => {
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort(new Error(`received ${signal}`));
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, listener);
  return (isDone) => {
    for (const signal of signals) {
      if (isDone && !process.listeners(signal).includes(ignore)) process.on(signal, ignore);
      process.off(signal, listener);
    }
  };
}

const ignore = (): void => undefined;

/** https://no-color.org: set and not empty means no. */
function isColoured(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
}

function print(text: string): 0 {
  process.stdout.write(`${text}\n`);
  return 0;
}

/**
 * `tenon … | head` closes the pipe early: the rest is not wanted, and the exit code stays the verb's. Any other trouble, such
 * as a full disk, means that the report is not where it was asked for.
 */
function watchForClosedPipe(stream: NodeJS.WriteStream, name: string): void {
  stream.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") return;
    if (stream !== process.stderr) process.stderr.write(`error: ${name} cannot be written: ${message}\n`);
    process.exit(1);
  });
}
