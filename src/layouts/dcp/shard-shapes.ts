import { canonicalName, readNames } from "../../adapters/index.ts";
import { FormatError, type NameMeaning, sameShape, type Tensor, UnsupportedError } from "../../core/index.ts";
import type { KnownBase } from "../known-base.ts";
import type { Box } from "./cover.ts";

export interface ShardedShape {
  readonly tensor: Tensor;
  readonly boxes: readonly Box[];
}

/**
 * Checks that no rank's shard is missing at the end of a tensor. A last chunk that is shorter than the first shows an end, as
 * torch cuts evenly; the base that is given knows its own shapes; a low-rank pair is as wide as the weight that it stands on.
 * @throws UnsupportedError TENON_DCP_SHAPES_UNPROVEN; FormatError TENON_DCP_COVER when the base says otherwise
 */
export function checkWholeShapes(shapes: readonly ShardedShape[], known: KnownBase | undefined): void {
  const { meanings } = readNames(
    shapes.map(({ tensor }) => tensor.name),
    { kind: "model", ...(known && { knownBaseNames: new Set(known.tensors.keys()) }) },
  );
  const byName = new Map(shapes.map(({ tensor }) => [canonicalOf(meanings, tensor), tensor]));
  const unproven: string[] = [];
  for (const { tensor, boxes } of shapes) {
    const meaning = meanings.get(tensor.name);
    const expected = meaning && expectedShape(meaning, known, byName);
    if (expected === undefined) {
      if (!showsItsEnd(boxes)) unproven.push(tensor.name);
    } else if (!sameShape(expected, tensor.shape)) throw tooSmall(tensor, expected);
  }
  const [first] = unproven;
  if (first === undefined) return;
  throw new UnsupportedError(
    "TENON_DCP_SHAPES_UNPROVEN",
    `dcp: nothing shows that ${JSON.stringify(first)} and ${unproven.length - 1} more are whole: a missing last shard would look the same`,
    {
      details: { tensors: unproven.slice(0, 10), count: unproven.length },
      hint: "Give the base that it was trained from: --base DIR. Or consolidate it with torch's consolidate_safetensors_files.",
    },
  );
}

function canonicalOf(meanings: ReadonlyMap<string, NameMeaning>, { name }: Tensor): string {
  const meaning = meanings.get(name);
  return meaning === undefined ? name : canonicalName(meaning);
}

function expectedShape(
  meaning: NameMeaning,
  known: KnownBase | undefined,
  byName: ReadonlyMap<string, Tensor>,
): readonly number[] | undefined {
  if (known === undefined) return undefined;
  const { role, module } = meaning;
  const weight = known.tensors.get(`${module}.weight`)?.shape;
  if (role === "loraA" || role === "loraB") {
    const [a, b] = (["loraA", "loraB"] as const).map(
      (each) => byName.get(canonicalName({ ...meaning, role: each }))?.shape,
    );
    const [rows, columns] = weight ?? [];
    if (a?.length !== 2 || b?.length !== 2 || rows === undefined || columns === undefined) return undefined;
    return role === "loraA" ? [b[1] as number, columns] : [rows, b[1] as number];
  }
  return known.tensors.get(canonicalName(meaning))?.shape;
}

function showsItsEnd(boxes: readonly Box[]): boolean {
  const [first] = boxes;
  return (
    first?.sizes.every((size, axis) => {
      const lastStart = Math.max(...boxes.map(({ offsets }) => offsets[axis] as number));
      return (
        lastStart === 0 ||
        boxes.some((box) => box.offsets[axis] === lastStart && (box.sizes[axis] as number) < size)
      );
    }) === true && boxes.length > 1
  );
}

function tooSmall({ name, shape }: Tensor, expected: readonly number[]): FormatError {
  const message = `dcp: the shards hold [${shape.join(", ")}] of tensor ${JSON.stringify(name)}, the base has [${expected.join(", ")}]: a rank's shard is missing, or the base is another one`;
  return new FormatError("TENON_DCP_COVER", message, {
    details: { tensor: name, found: shape, allowed: expected },
    hint: "Copy the shards of every rank, or give the base that it was trained from.",
  });
}
