// Where in the workers' flat buffers each trained parameter lies. Nothing here reads a file: shapes in, runs out.
import { elementCount, type Shape } from "../../core/index.ts";
import { alignmentFactor } from "./wire.ts";

/** Elements that lie together in one worker's share of one flat buffer. */
export interface Run {
  readonly worker: number;
  readonly buffer: number;
  readonly start: number;
  readonly count: number;
}

/** A trained parameter, and its elements in row-major order. */
export interface PlacedParameter {
  readonly name: string;
  readonly shape: Shape;
  /** The flat buffer that its first element lies in. */
  readonly buffer: number;
  /** Made anew at each call: with many workers there are many. */
  runs(): readonly Run[];
}

export interface Placement {
  readonly parameters: readonly PlacedParameter[];
  /** Elements of all flat buffers of one worker, with padding. */
  readonly total: number;
  /** Lengths that a worker's share of `buffer` may have: without padding, and with it. */
  lengths(worker: number, buffer: number): readonly number[];
}

type Shapes = readonly ReadonlyMap<string, Shape>[];

/**
 * Stages 1 and 2: the parameters of a group one after another, zeros up to a multiple of twice the number of workers, cut
 * into as many equal shares. Shares are saved without the zeros (masters, elastic moments) or with them (moments,
 * BF16_Optimizer). Source: deepspeed/runtime/zero/stage_1_and_2.py, flatten_dense_tensors_aligned and groups_padding.
 */
export function placeInGroups(shapes: Shapes, workers: number): Placement {
  const totals = shapes.map((group) =>
    [...group.values()].reduce((sum, shape) => sum + elementCount(shape), 0),
  );
  const share = (buffer: number): number => {
    const aligned = alignmentFactor * workers;
    return Math.ceil((totals[buffer] ?? 0) / aligned) * alignmentFactor;
  };
  const parameters = shapes.flatMap((group, buffer) => {
    let next = 0;
    return [...group].map(([name, shape]) => {
      const start = next;
      const count = elementCount(shape);
      next += count;
      return { name, shape, buffer, runs: () => sharesOf(start, count, share(buffer), buffer) };
    });
  });
  return {
    parameters,
    total: shapes.reduce((sum, _, buffer) => sum + share(buffer), 0),
    lengths(worker, buffer) {
      const whole = share(buffer);
      return [Math.min(whole, Math.max(0, (totals[buffer] ?? 0) - worker * whole)), whole];
    },
  };
}

function sharesOf(start: number, count: number, share: number, buffer: number): readonly Run[] {
  const runs: Run[] = [];
  for (let at = start; at < start + count; ) {
    const worker = Math.floor(at / share);
    const end = Math.min(start + count, (worker + 1) * share);
    runs.push({ worker, buffer, start: at - worker * share, count: end - at });
    at = end;
  }
  return runs;
}

/**
 * Stage 3: each parameter is cut by itself into equal shares, the last ones filled up with zeros; a worker's flat buffer has
 * its shares one after another. Source: deepspeed/runtime/zero/partition_parameters.py, `partition_numel`.
 *
 * Old saves list shapes by param group and buffers by sub-group: `bufferLengths` says where one buffer ends.
 */
export function placeInShares(
  shapes: Shapes,
  workers: number,
  bufferLengths: readonly number[] | undefined,
): Placement {
  const all = shapes.flatMap((group) => [...group]);
  const sums = shapes.map((group) =>
    [...group.values()].reduce((sum, shape) => sum + Math.ceil(elementCount(shape) / workers), 0),
  );
  const ends = endsOf(bufferLengths ?? sums);
  let next = 0;
  const parameters = all.map(([name, shape]) => {
    const count = elementCount(shape);
    const share = Math.ceil(count / workers);
    const start = next;
    next += share;
    const buffer = bufferAt(ends, start);
    return { name, shape, buffer, runs: () => acrossBuffers(start, count, share, ends) };
  });
  return { parameters, total: next, lengths: (_, buffer) => [(bufferLengths ?? sums)[buffer] ?? 0] };
}

function endsOf(lengths: readonly number[]): readonly number[] {
  let sum = 0;
  return lengths.map((length) => {
    sum += length;
    return sum;
  });
}

function bufferAt(ends: readonly number[], at: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at < (ends[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return Math.max(low, 0);
}

function acrossBuffers(start: number, count: number, share: number, ends: readonly number[]): readonly Run[] {
  const runs: Run[] = [];
  for (let worker = 0; worker * share < count; worker++) {
    let left = Math.min(share, count - worker * share);
    for (let at = start; left > 0; ) {
      const buffer = bufferAt(ends, at);
      const from = buffer === 0 ? 0 : (ends[buffer - 1] as number);
      const here = Math.min(left, (ends[buffer] as number) - at);
      runs.push({ worker, buffer, start: at - from, count: here });
      at += here;
      left -= here;
    }
  }
  return runs;
}
