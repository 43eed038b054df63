import type { Batch } from "../task.ts";

/** Int32 slots: [0] stop flag, [1] next lane, then one counter a lane. Bytes done lie in BigInt64 slots before them. */
const byteSlots = 1;

export function sharedFor(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(byteSlots * 8 + (2 + lanes) * 4);
}

export function counters(shared: SharedArrayBuffer): Int32Array {
  return new Int32Array(shared, byteSlots * 8);
}

export function bytesDone(shared: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(shared, 0, byteSlots), 0));
}

/**
 * Hands out jobs: a worker keeps to one lane (one output file) while it lasts, because two threads writing to one
 * file wait for its lock; when no lane is untouched it helps where most is left.
 */
export class JobCounter {
  readonly #lanes: Batch["lanes"];
  readonly #slots: Int32Array;
  readonly #bytes: BigInt64Array;
  #lane = -1;

  constructor(shared: SharedArrayBuffer, lanes: Batch["lanes"]) {
    this.#lanes = lanes;
    this.#slots = counters(shared);
    this.#bytes = new BigInt64Array(shared, 0, byteSlots);
  }

  addBytes(byteLength: number): void {
    Atomics.add(this.#bytes, 0, BigInt(byteLength));
  }

  /** Index of the next job, or undefined when all are taken or the run was stopped. */
  next(): number | undefined {
    for (;;) {
      if (Atomics.load(this.#slots, 0) !== 0) return undefined;
      const taken = this.#lane < 0 ? undefined : this.#take(this.#lane);
      if (taken !== undefined) return taken;
      const fresh = Atomics.add(this.#slots, 1, 1);
      this.#lane = fresh < this.#lanes.length ? fresh : this.#fullestLane();
      if (this.#lane < 0) return undefined;
    }
  }

  #take(lane: number): number | undefined {
    const { start, end } = this.#lanes[lane] as Batch["lanes"][number];
    const job = start + Atomics.add(this.#slots, 2 + lane, 1);
    return job < end ? job : undefined;
  }

  #fullestLane(): number {
    let best = -1;
    let most = 0;
    for (const [lane, { start, end }] of this.#lanes.entries()) {
      const left = end - start - Atomics.load(this.#slots, 2 + lane);
      if (left > most) [best, most] = [lane, left];
    }
    return best;
  }
}
