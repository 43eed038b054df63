import { byteLengthOf, type OutputFile, type Recipe } from "../core/index.ts";

/** The most that tiles and factors of a run take, all threads together; the runtime's own memory is not in it. */
export interface PeakMemory {
  /** Not more than there is work for. */
  readonly threads: number;
  readonly bytes: number;
}

/** What a plan will do, in numbers: computed from metadata, so it is known before a byte is read. */
export interface Explanation {
  readonly files: readonly { readonly path: string; readonly tensors: number; readonly bytes: number }[];
  /** Tensors that arrive as they are. */
  readonly copied: number;
  /** Tensors whose values change, by kind of step. */
  readonly changed: Readonly<Record<string, number>>;
  /** Tensors that only take another dtype. */
  readonly cast: number;
  readonly bytesRead: number;
  /** Of tensors; headers and documents are small beside them. */
  readonly bytesWritten: number;
  readonly peakMemory: PeakMemory;
}

export function explain(files: readonly OutputFile[], peakMemory: PeakMemory): Explanation {
  const changed: Record<string, number> = {};
  const factors = new Map<string, number>();
  const listed: { path: string; tensors: number; bytes: number }[] = [];
  let [copied, cast, bytesRead, bytesWritten] = [0, 0, 0, 0];
  for (const file of files) {
    if (file.kind === "bytes") listed.push({ path: file.path, tensors: 0, bytes: file.bytes.length });
    if (file.kind === "text") listed.push({ path: file.path, tensors: 0, bytes: file.text.length });
    if (file.kind !== "tensors") continue;
    let bytes = 0;
    for (const { recipe } of file.entries) {
      const own = byteLengthOf(recipe.dtype, recipe.shape);
      bytes += own;
      bytesRead += recipe.sourceByteOffset === undefined ? recipe.source.byteLength : own;
      for (const { id, byteLength } of factorsOf(recipe)) factors.set(id, byteLength);
      const kinds = new Set(recipe.steps.map(({ kind }) => kind));
      for (const kind of kinds) changed[kind] = (changed[kind] ?? 0) + 1;
      if (kinds.size > 0) continue;
      if (recipe.dtype === recipe.source.dtype) copied++;
      else cast++;
    }
    listed.push({ path: file.path, tensors: file.entries.length, bytes });
    bytesWritten += bytes;
  }
  for (const byteLength of factors.values()) bytesRead += byteLength;
  return { files: listed, copied, changed, cast, bytesRead, bytesWritten, peakMemory };
}

function factorsOf({ steps }: Recipe): readonly { readonly id: string; readonly byteLength: number }[] {
  return steps.flatMap((step) => {
    if (step.kind === "addLowRank") return [step.left.tensor, step.right.tensor];
    if (step.kind === "dora") return [step.left.tensor, step.right.tensor, step.magnitude];
    return [step.tensor];
  });
}
