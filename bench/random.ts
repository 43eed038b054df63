import { bitsFromFloat } from "../src/ops/index.ts";

const tableLength = 65_536;
const step = 0x6d2b_79f5;

/** Normal numbers that the streams draw from: 65 536 of them are enough that no two rows are alike. */
const normals = boxMuller(tableLength);

/**
 * Normal numbers with mean 0, the same ones for the same seed on every machine. Drawn from a table, because gigabytes
 * of them are wanted in seconds.
 */
export class NormalStream {
  #state: number;
  readonly #deviation: number;
  readonly #bf16: Uint16Array;

  constructor(seed: string, deviation: number) {
    this.#state = hash(seed);
    this.#deviation = deviation;
    this.#bf16 = bf16Normals(deviation);
  }

  /** Fills with bf16 bits, each rounded half to even. */
  fillBf16(into: Uint16Array): void {
    const table = this.#bf16;
    let state = this.#state;
    for (let index = 0; index < into.length; index += 2) {
      state = (state + step) | 0;
      const bits = mix(state);
      into[index] = table[bits & 0xffff] as number;
      into[index + 1] = table[bits >>> 16] as number;
    }
    this.#state = state;
  }

  /** Fills with f32 values that use all bits of the mantissa. */
  fillF32(into: Float32Array): void {
    let state = this.#state;
    for (let index = 0; index < into.length; index++) {
      state = (state + step) | 0;
      const bits = mix(state);
      into[index] = (normals[bits & 0xffff] as number) * this.#deviation * (1 + (bits >>> 16) / 2 ** 22);
    }
    this.#state = state;
  }
}

const bf16Tables = new Map<number, Uint16Array>();

function bf16Normals(deviation: number): Uint16Array {
  const made = bf16Tables.get(deviation);
  if (made !== undefined) return made;
  const table = Uint16Array.from(normals, (value) => bitsFromFloat("BF16", value * deviation));
  bf16Tables.set(deviation, table);
  return table;
}

/** The mixing of mulberry32: 32 even bits of a counter. */
function mix(state: number): number {
  let bits = Math.imul(state ^ (state >>> 15), state | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return (bits ^ (bits >>> 14)) >>> 0;
}

/** FNV-1a. */
function hash(text: string): number {
  let sum = 0x811c_9dc5;
  for (const byte of new TextEncoder().encode(text)) sum = Math.imul(sum ^ byte, 0x0100_0193);
  return sum | 0;
}

function boxMuller(count: number): Float64Array {
  const values = new Float64Array(count);
  let state = 1;
  const uniform = (): number => {
    state = (state + step) | 0;
    return (mix(state) + 0.5) / 2 ** 32;
  };
  for (let index = 0; index < count; index += 2) {
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    values[index] = radius * Math.cos(angle);
    values[index + 1] = radius * Math.sin(angle);
  }
  return values;
}
