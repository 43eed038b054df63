import { closeSync, ftruncateSync, openSync } from "node:fs";
import { crc32 } from "node:zlib";
import { torch } from "../src/formats/index.ts";
import type { PickleValue } from "../src/pickle/index.ts";
import { fillParts, type TensorToWrite, writeFully } from "./tensor-file.ts";

/** A run of bytes of a file. */
export interface FileRange {
  readonly path: string;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/**
 * Writes what `torch.save(object)` writes, with tenon's own writer; the object has a TensorPlace for each tensor. Holes get
 * no checksum of their own, which only a reading of their bytes would notice.
 * @returns where the bytes of each tensor lie
 */
export function writeTorchFile(
  path: string,
  object: PickleValue,
  tensors: readonly TensorToWrite[],
): ReadonlyMap<string, FileRange> {
  const layout = torch.layOut?.(tensors, {}, { objects: [object] });
  if (layout === undefined) throw new Error("torch files cannot be written");
  const fillers = new Map(tensors.map(({ name, fill }) => [name, fill]));
  const file = openSync(path, "wx");
  const crcs = new Map<string, number>();
  try {
    ftruncateSync(file, layout.byteLength);
    for (const { byteOffset, bytes } of layout.fixed) writeFully(file, bytes, byteOffset);
    for (const { name, byteOffset, byteLength } of layout.tensors) {
      let crc = 0;
      fillParts(byteLength, fillers.get(name), (part, done) => {
        writeFully(file, part, byteOffset + done);
        crc = crc32(part, crc);
      });
      crcs.set(name, crc);
    }
    for (const { byteOffset, bytes } of layout.seal?.(crcs) ?? []) writeFully(file, bytes, byteOffset);
  } finally {
    closeSync(file);
  }
  return new Map(
    layout.tensors.map(({ name, byteOffset, byteLength }) => [name, { path, byteOffset, byteLength }]),
  );
}
