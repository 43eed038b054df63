import { elementCount, FormatError, type Shape, UnsupportedError } from "../../core/index.ts";
import { boxComparisonLimit } from "./limits.ts";

/** Part of a tensor: the index of its first element and its size, one an axis. */
export interface Box {
  readonly offsets: Shape;
  readonly sizes: Shape;
}

/**
 * Checks that boxes lie in a tensor, do not overlap, and leave no element out. Empty boxes must have been left out.
 * @returns the boxes in the order of their offsets
 * @throws FormatError TENON_DCP_COVER
 */
export function checkCover<B extends Box>(
  name: string,
  shape: Shape,
  boxes: readonly B[],
  path: string,
): B[] {
  let covered = 0;
  for (const box of boxes) {
    const fits =
      box.offsets.length === shape.length &&
      box.sizes.length === shape.length &&
      shape.every((size, axis) => (box.offsets[axis] as number) + (box.sizes[axis] as number) <= size);
    if (!fits) fail(name, `${spell(box)} lies outside of [${shape.join(", ")}]`, path);
    covered += elementCount(box.sizes);
  }
  const ordered = [...boxes].sort(byOffsets);
  const pair = overlapping(ordered, name, path);
  if (pair !== undefined) fail(name, `${spell(pair[0])} and ${spell(pair[1])} overlap`, path);
  const total = elementCount(shape);
  if (covered !== total)
    fail(name, `${boxes.length} chunks hold ${covered} of ${total} elements: a rank's part is missing`, path);
  return ordered;
}

function byOffsets(a: Box, b: Box): number {
  for (const [axis, offset] of a.offsets.entries()) {
    const difference = offset - (b.offsets[axis] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Sorted by their first axis, a box is compared with those that start before it ends there: none, for rows. */
function overlapping(ordered: readonly Box[], name: string, path: string): [Box, Box] | undefined {
  let comparisons = 0;
  for (const [at, box] of ordered.entries()) {
    const end = (box.offsets[0] ?? 0) + (box.sizes[0] ?? 1);
    for (let next = at + 1; next < ordered.length; next++) {
      const other = ordered[next] as Box;
      if ((other.offsets[0] ?? 0) >= end) break;
      if (++comparisons > boxComparisonLimit) tooMany(name, ordered.length, path);
      if (meet(box, other)) return [box, other];
    }
  }
  return undefined;
}

function meet(a: Box, b: Box): boolean {
  return a.offsets.every((start, axis) => {
    const its = b.offsets[axis] as number;
    return start < its + (b.sizes[axis] as number) && its < start + (a.sizes[axis] as number);
  });
}

function spell({ offsets, sizes }: Box): string {
  return `the chunk of size [${sizes.join(", ")}] at [${offsets.join(", ")}]`;
}

function fail(name: string, complaint: string, path: string): never {
  throw new FormatError("TENON_DCP_COVER", `dcp: tensor ${JSON.stringify(name)}: ${complaint} (${path})`, {
    details: { tensor: name, path },
    hint: "Go back to a checkpoint that was saved whole.",
  });
}

function tooMany(name: string, count: number, path: string): never {
  throw new UnsupportedError(
    "TENON_DCP_TENSOR",
    `dcp: tensor ${JSON.stringify(name)} is cut into ${count} chunks along several axes, too many to compare (${path})`,
    { details: { tensor: name, path } },
  );
}
