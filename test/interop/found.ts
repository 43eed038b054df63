import { expect } from "vitest";
import { seed } from "./python.ts";

/** Two state dicts compared by `judge.py`. */
export interface Apart {
  readonly onlyMine: readonly string[];
  readonly onlyTheirs: readonly string[];
  readonly elements: number;
  readonly differing: number;
  /** Tensors that differ, and by how much. */
  readonly tensors: readonly string[];
  readonly ulp: number;
  /** Largest error relative to the sum of the magnitudes that went into an element. */
  readonly relative: number;
}

/** What transformers said about the keys it loaded. */
export interface Keys {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly mismatched: readonly string[];
  readonly errors: readonly string[];
}

export interface LogitsApart {
  readonly largest: number;
  readonly bits: boolean;
  /** Largest of the logits themselves. */
  readonly scale: number;
}

const noKeys: Keys = { missing: [], unexpected: [], mismatched: [], errors: [] };

export function expectAllKeys(keys: Keys): void {
  expect(keys, `seed ${seed}`).toEqual(noKeys);
}

/** The same names, and every bit of every tensor. */
export function expectSameBits(found: Apart): void {
  expect(found, `seed ${seed}`).toMatchObject({ onlyMine: [], onlyTheirs: [], tensors: [], differing: 0 });
  expect(found.elements).toBeGreaterThan(0);
}

export function expectSameLogits(found: LogitsApart): void {
  expect(found, `seed ${seed}`).toMatchObject({ bits: true, largest: 0 });
  // A model that says nothing agrees with everything.
  expect(found.scale).toBeGreaterThan(0.1);
}
