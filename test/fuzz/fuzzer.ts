import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { isTenonError } from "../../src/core/index.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

/** An input of a few kilobytes that takes longer was made to: most take less than a tenth of a millisecond. */
export const slowMs = 1000;
/** Memory that one input may take: sixteen thousand bytes have no business with more. */
export const memoryBytes: number = 256 * 1024 * 1024;
const corpusRoot = new URL("corpus/", import.meta.url);

export interface FuzzFailure {
  readonly input: Uint8Array;
  /** What went wrong: the foreign error, or which limit. */
  readonly reason: string;
}

export interface FuzzOptions {
  readonly seed: number;
  /** Whichever comes first ends the run. */
  readonly count?: number | undefined;
  readonly seconds?: number | undefined;
  /** Sees each input before it is given to the parser: a hang can then be laid at its door. */
  readonly onInput?: (input: Uint8Array) => void;
}

/** Inputs kept in the repository: seeds worth having, and everything that ever failed. */
export function corpusOf(target: FuzzTarget): { readonly file: string; readonly input: Uint8Array }[] {
  const folder = new URL(`${target.name}/`, corpusRoot);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => ({ file, input: new Uint8Array(readFileSync(new URL(file, folder))) }));
}

/** Keeps an input that failed. Returns the path. */
export function keep(target: FuzzTarget, input: Uint8Array): string {
  const folder = new URL(`${target.name}/`, corpusRoot);
  mkdirSync(folder, { recursive: true });
  const path = new URL(`crash-${createHash("sha256").update(input).digest("hex").slice(0, 16)}`, folder);
  writeFileSync(path, input);
  return path.pathname;
}

/** Gives one input to a target. Returns why that is a failure, or undefined. */
export async function tryInput(target: FuzzTarget, input: Uint8Array): Promise<string | undefined> {
  const started = performance.now();
  try {
    // Awaiting what is no promise costs a turn of the loop: a tenth of the speed.
    const running = target.run(input);
    if (running instanceof Promise) await running;
  } catch (error) {
    if (!isTenonError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
    // A message is for a terminal, and must not be as long as what an attacker sends.
    if (error.message.length > 10_000)
      return `${error.code} has a message of ${error.message.length} characters`;
    JSON.stringify(error.details);
  }
  const tookMs = performance.now() - started;
  if (tookMs > slowMs) return `took ${Math.round(tookMs)} ms; at most ${slowMs} are allowed`;
  if (tookMs > 20) {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const held = heapUsed + arrayBuffers;
    if (held > memoryBytes + baseBytes)
      return `left ${held} bytes in use; at most ${memoryBytes} are allowed`;
  }
  return undefined;
}

// What the compiler, the seeds and the parsers themselves take.
const baseBytes = 512 * 1024 * 1024;

/** Runs one target on mutated and generated inputs. The same seed and count give the same inputs. */
export async function fuzz(
  target: FuzzTarget,
  options: FuzzOptions,
): Promise<{ count: number; failures: FuzzFailure[] }> {
  const random = new Random(options.seed);
  const pool = [...corpusOf(target).map(({ input }) => input), ...target.seeds()];
  const failures: FuzzFailure[] = [];
  const until =
    options.seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.seconds * 1000;
  const most = options.count ?? Number.POSITIVE_INFINITY;
  let count = 0;
  while (count < most && (count % 64 !== 0 || performance.now() < until)) {
    const input = nextInput(target, pool, random);
    options.onInput?.(input);
    const reason = await tryInput(target, input);
    count++;
    if (reason !== undefined) failures.push({ input, reason });
    // Ten ways to fail are enough to read.
    if (failures.length >= 10) break;
  }
  return { count, failures };
}

function nextInput(target: FuzzTarget, pool: Uint8Array[], random: Random): Uint8Array {
  // Making an input costs more than changing one.
  if (random.below(8) !== 0) {
    const seed = random.pick(pool);
    return mutate(seed, random.pick(pool), random);
  }
  const made = target.generate(random);
  // Generated inputs become material for mutation, a few at a time.
  if (random.below(8) === 0) {
    if (pool.length < 256) pool.push(made);
    else pool[random.below(pool.length)] = made;
  }
  return random.below(2) === 0 ? made : mutate(made, random.pick(pool), random);
}
