// Runs one target in a thread of its own, so that an input that never ends can be seen and stopped.
import { parentPort, workerData } from "node:worker_threads";
import { fuzz, keep } from "./fuzzer.ts";
import { targets } from "./targets/index.ts";

/** Words 0 and 1 of the shared block: inputs begun, and bytes of the current one, which follow from byte 16. */
export interface FuzzOrder {
  readonly target: string;
  readonly seed: number;
  readonly count: number | undefined;
  readonly seconds: number | undefined;
  readonly shared: SharedArrayBuffer;
}

// Most inputs end in an error; gathering its stack is half of the work.
Error.stackTraceLimit = 3;

const order = workerData as FuzzOrder;
const target = targets.find(({ name }) => name === order.target);
if (target === undefined) throw new Error(`no target ${order.target}`);
const state = new Int32Array(order.shared, 0, 2);
const current = new Uint8Array(order.shared, 16);

const { count, failures } = await fuzz(target, {
  ...order,
  onInput: (input) => {
    current.set(input.subarray(0, current.length));
    Atomics.store(state, 1, input.length);
    Atomics.add(state, 0, 1);
  },
});
parentPort?.postMessage({
  count,
  failures: failures.map(({ input, reason }) => `${keep(target, input)}: ${reason}`),
});
