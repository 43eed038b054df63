import type { Shape } from "../../core/index.ts";
import type { Box } from "./cover.ts";

/** A run of elements that is contiguous both in the tensor and in one of its boxes. Lengths in elements. */
export interface Run<B extends Box> {
  readonly box: B;
  /** First element, counted row-major within the box. */
  readonly start: number;
  readonly length: number;
}

/** Row-major order of a tensor that is covered by boxes exactly. */
export class BoxedOrder<B extends Box> {
  readonly #shape: Shape;
  /** In the order of their offsets. */
  readonly #boxes: readonly B[];

  constructor(shape: Shape, boxes: readonly B[]) {
    this.#shape = shape;
    this.#boxes = boxes;
  }

  /** How many runs there are in all. */
  get runCount(): number {
    return this.#boxes.reduce((sum, box) => sum + volume(box.sizes) / this.#runLength(box), 0);
  }

  /** The runs of elements `first … end`, in row-major order. */
  *runs(first: number, end: number): Generator<Run<B>> {
    for (let element = first; element < end; ) {
      const at = indexOf(element, this.#shape);
      const box = this.#boxAt(at);
      const start = at.reduce(
        (sum, index, axis) => sum * (box.sizes[axis] as number) + index - (box.offsets[axis] as number),
        0,
      );
      const run = this.#runLength(box);
      const length = Math.min(run - (start % run), end - element);
      yield { box, start, length };
      element += length;
    }
  }

  /** Elements of a box that follow one another in the tensor too: from the last axis that it does not span on. */
  #runLength({ sizes }: Box): number {
    let length = 1;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      length *= sizes[axis] as number;
      if (sizes[axis] !== this.#shape[axis]) break;
    }
    return length;
  }

  #boxAt(at: readonly number[]): B {
    const row = at[0] ?? 0;
    let low = 0;
    let high = this.#boxes.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (((this.#boxes[middle] as B).offsets[0] ?? 0) <= row) low = middle + 1;
      else high = middle;
    }
    for (let candidate = low - 1; candidate >= 0; candidate--) {
      const box = this.#boxes[candidate] as B;
      if (at.every((index, axis) => holds(box, axis, index))) return box;
    }
    throw new Error(`internal: no box holds [${at.join(", ")}]`);
  }
}

function holds({ offsets, sizes }: Box, axis: number, index: number): boolean {
  const offset = offsets[axis] as number;
  return offset <= index && index < offset + (sizes[axis] as number);
}

function indexOf(element: number, shape: Shape): number[] {
  const index: number[] = [];
  let rest = element;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

function volume(sizes: Shape): number {
  return sizes.reduce((product, size) => product * size, 1);
}
