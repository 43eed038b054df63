import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import type { DType } from "../src/core/index.ts";
import { safetensors } from "../src/formats/index.ts";

/** A tensor to be written, and what fills it; without a filler its bytes stay a hole in the file. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Called for successive parts of the tensor, each but the last of 512 KiB. */
  readonly fill?: (part: ArrayBuffer) => void;
}

const partBytes = 512 * 1024;

/** Writes a safetensors file; returns its length in bytes. */
export function writeTensorFile(path: string, tensors: readonly TensorToWrite[]): number {
  const layout = safetensors.layOut?.(tensors, { format: "pt" });
  if (layout === undefined) throw new Error("safetensors cannot be written");
  const fillers = new Map(tensors.map(({ name, fill }) => [name, fill]));
  const file = openSync(path, "wx");
  try {
    ftruncateSync(file, layout.byteLength);
    for (const { byteOffset, bytes } of layout.fixed) writeFully(file, bytes, byteOffset);
    for (const { name, byteOffset, byteLength } of layout.tensors) {
      fillParts(byteLength, fillers.get(name), (part, done) => writeFully(file, part, byteOffset + done));
    }
  } finally {
    closeSync(file);
  }
  return layout.byteLength;
}

/** Fills a tensor part by part; nothing without a filler. */
export function fillParts(
  byteLength: number,
  fill: TensorToWrite["fill"],
  write: (part: Uint8Array, done: number) => void,
): void {
  for (let done = 0; fill !== undefined && done < byteLength; done += partBytes) {
    const part = new ArrayBuffer(Math.min(partBytes, byteLength - done));
    fill(part);
    write(new Uint8Array(part), done);
  }
}

export function writeFully(file: number, bytes: Uint8Array, byteOffset: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, byteOffset + done);
  }
}
