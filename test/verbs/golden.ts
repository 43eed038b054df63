import { readFileSync } from "node:fs";
import { memoryTree } from "../../src/bytes/index.ts";
import { type Checkpoint, type JsonRecord, parseJsonRecord, type Tensor } from "../../src/core/index.ts";
import { safetensors } from "../../src/formats/index.ts";
import type { Source } from "../../src/verbs/index.ts";
import { fixture, tenon } from "./tenon.ts";

export function json(path: string): JsonRecord {
  return parseJsonRecord(readFileSync(fixture(path), "utf8"), { file: path });
}

export async function bytesOf(tensor: Tensor): Promise<Uint8Array> {
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return bytes;
}

/** Values of a float tensor. */
export async function valuesOf(tensor: Tensor): Promise<Float64Array> {
  const bytes = await bytesOf(tensor);
  const { buffer, byteOffset, byteLength } = bytes;
  if (tensor.dtype === "F32") return Float64Array.from(new Float32Array(buffer, byteOffset, byteLength / 4));
  if (tensor.dtype !== "BF16") throw new Error(`not expected here: ${tensor.dtype}`);
  const codes = Uint32Array.from(
    new Uint16Array(buffer, byteOffset, byteLength / 2),
    (code) => code * 0x10000,
  );
  return Float64Array.from(new Float32Array(codes.buffer));
}

/** Opens what a memory sink took, or a path. */
export function openWritten(written: ReadonlyMap<string, Uint8Array> | string): Promise<Checkpoint> {
  const source: Source = typeof written === "string" ? written : memoryTree(written);
  return tenon.open(source);
}

/** What tells two models apart: names, dtypes, bytes, and what their configs say of them. Empty: nothing. */
export async function differences(
  ours: ReadonlyMap<string, Uint8Array> | string,
  theirs: string,
): Promise<string[]> {
  await using one = await openWritten(ours);
  await using other = await openWritten(theirs);
  const [a, b] = [
    one.base?.tensors ?? new Map<string, Tensor>(),
    other.base?.tensors ?? new Map<string, Tensor>(),
  ];
  const found: string[] = [];
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [a.get(name), b.get(name)];
    if (x === undefined || y === undefined) found.push(`${name} is ${x === undefined ? "missing" : "new"}`);
    else if (x.dtype !== y.dtype) found.push(`${name} is ${x.dtype}, not ${y.dtype}`);
    else if (!Buffer.from(await bytesOf(x)).equals(await bytesOf(y))) found.push(`${name} has other bytes`);
  }
  for (const key of ["tie_word_embeddings", "vocab_size", "dtype"]) {
    const [x, y] = [one.base?.config?.[key], other.base?.config?.[key]];
    if (x !== y) found.push(`config.json says ${key} ${String(x)}, not ${String(y)}`);
  }
  return found;
}

/** A directory in memory with one safetensors file; tensors that are only described are zero. */
export async function written(
  tensors: readonly (Tensor | Pick<Tensor, "name" | "dtype" | "shape">)[],
  path: string,
  documents: Record<string, Uint8Array>,
): Promise<ReturnType<typeof memoryTree>> {
  const layout = safetensors.layOut?.(tensors, { format: "pt" });
  if (layout === undefined) throw new Error("safetensors writes");
  const bytes = new Uint8Array(layout.byteLength);
  for (const { byteOffset, bytes: fixed } of layout.fixed) bytes.set(fixed, byteOffset);
  for (const { name, byteOffset } of layout.tensors) {
    const tensor = tensors.find((each) => each.name === name);
    if (tensor !== undefined && "read" in tensor)
      await tensor.read(0, bytes.subarray(byteOffset, byteOffset + tensor.byteLength));
  }
  return memoryTree(new Map([...Object.entries(documents), [path, bytes]]));
}
