import type { Fill } from "../plan/index.ts";

/**
 * Values that follow from a seed, the name of a stream and their index alone, so that any of them can be had at any time and
 * on any machine: 24 bits of murmur3's finaliser, twice over the index with the key of the stream. They are not those of
 * torch, whose generator also depends on what was drawn before.
 */
export class SeededValues {
  readonly #bound: number;
  readonly #low: number;
  readonly #high: number;

  constructor({ bound, seed, stream }: Fill & { readonly kind: "uniform" }) {
    const text = `${seed}:${stream}`;
    this.#bound = bound;
    this.#low = hashText(text, 0x9747_b28c);
    this.#high = hashText(text, 0x3c6e_f372);
  }

  /** The f32 value at an index, in [-bound, bound). */
  at(index: number): number {
    const low = index % 2 ** 32;
    const high = Math.floor(index / 2 ** 32);
    const mixed = finalise(finalise(low ^ this.#low) ^ this.#high ^ high);
    return Math.fround(((mixed >>> 8) / 2 ** 23 - 1) * this.#bound);
  }
}

function hashText(text: string, start: number): number {
  let hash = start;
  for (let at = 0; at < text.length; at++) hash = finalise(hash ^ text.charCodeAt(at));
  return hash;
}

/** murmur3's fmix32. */
function finalise(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
