// Fuzzes every parser: npx tsx scripts/fuzz.ts [--seconds N] [--count N] [--seed N] [--target name]
// An input must give a value or an error of tenon's, within limits of time and memory; one that does not is kept in
// test/fuzz/corpus, where the tests find it again. Prints one line a target; exits 1 after a failure.
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { keep } from "../test/fuzz/fuzzer.ts";
import type { FuzzTarget } from "../test/fuzz/target.ts";
import { targets } from "../test/fuzz/targets/index.ts";
import type { FuzzOrder } from "../test/fuzz/worker.ts";

/** After this an input counts as one that never ends. */
const hangMs = 10_000;
/** Largest input, as mutation cuts them, and some to spare. */
const inputBytes = 65_536;

/** A thread does not inherit tsx: it is told to load TypeScript first. */
const bootstrap = `import("tsx/esm/api").then(({ register }) => {
  register();
  return import(${JSON.stringify(new URL("../test/fuzz/worker.ts", import.meta.url).href)});
});`;

interface Outcome {
  readonly count: number;
  readonly failures: readonly string[];
}

function run(target: FuzzTarget, order: Omit<FuzzOrder, "target" | "shared">): Promise<Outcome> {
  const shared = new SharedArrayBuffer(16 + inputBytes);
  const state = new Int32Array(shared, 0, 2);
  const current = (): string => keep(target, new Uint8Array(shared, 16, Atomics.load(state, 1)).slice());
  return new Promise((resolve) => {
    const workerData: FuzzOrder = { ...order, target: target.name, shared };
    const worker = new Worker(bootstrap, {
      eval: true,
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    let begun = 0;
    let since = performance.now();
    const watch = setInterval(() => {
      const now = Atomics.load(state, 0);
      if (now !== begun || now === 0) {
        begun = now;
        since = performance.now();
      } else if (performance.now() - since > hangMs) {
        finish({ count: now, failures: [`${current()}: does not end within ${hangMs} ms`] });
      }
    }, 200);
    const finish = (outcome: Outcome): void => {
      clearInterval(watch);
      resolve(outcome);
      void worker.terminate();
    };
    worker.on("message", (outcome: Outcome) => finish(outcome));
    worker.on("error", (error) => {
      const done = Atomics.load(state, 0);
      const where = done === 0 ? "before the first input" : current();
      finish({ count: done, failures: [`${where}: ${error.stack ?? error.message}`] });
    });
  });
}

function whole(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} takes a number above 0, not ${text}`);
  return value;
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    count: { type: "string" },
    seed: { type: "string" },
    target: { type: "string" },
  },
});
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0)
  throw new Error(`no target ${values.target}; there are ${targets.map(({ name }) => name).join(", ")}`);
const seconds = whole(values.seconds, "seconds");
const count = whole(values.count, "count");
// Without a bound: 10^6 inputs in all, of the targets that are dear fewer.
const shares = chosen.reduce((sum, { cost = 1 }) => sum + 1 / cost, 0);
const countFor = ({ cost = 1 }: FuzzTarget): number | undefined =>
  count ?? (seconds === undefined ? Math.ceil(1_000_000 / cost / shares) : undefined);
const secondsEach = seconds === undefined ? undefined : seconds / chosen.length;
const seed = whole(values.seed, "seed") ?? 1 + Math.floor(Math.random() * 1_000_000);
console.log(`seed ${seed}`);
let failed = false;
for (const target of chosen) {
  const { count: done, failures } = await run(target, {
    count: countFor(target),
    seconds: secondsEach,
    seed,
  });
  for (const failure of failures) console.log(failure);
  console.log(`${target.name}: ${done} inputs, ${failures.length} failures`);
  failed ||= failures.length > 0;
}
process.exit(failed ? 1 : 0);
