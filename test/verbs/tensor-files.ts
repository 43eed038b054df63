import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DType, Tensor } from "../../src/core/index.ts";
import { safetensors } from "../../src/formats/index.ts";
import { assemble } from "../contract/format.contract.ts";
import { bytesOf } from "../layouts/fixtures.ts";
import type { Files } from "./converted.ts";

export interface Stored {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Name → tensor, with its bytes in memory. */
export async function stored(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, Stored>> {
  const read = new Map<string, Stored>();
  for (const [name, tensor] of tensors) {
    const { dtype, shape } = tensor;
    read.set(name, { dtype, shape, bytes: await bytesOf(tensor) });
  }
  return read;
}

/** The same tensor with its first element's bits changed. */
export function moved({ bytes, ...rest }: Stored): Stored {
  const other = bytes.slice();
  other[0] = (other[0] as number) ^ 1;
  return { ...rest, bytes: other };
}

export function safetensorsFile(tensors: ReadonlyMap<string, Stored>): Uint8Array {
  const entries = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const layout = safetensors.layOut?.(entries, { format: "pt" });
  if (layout === undefined) throw new Error("safetensors writes");
  return assemble(layout, (name) => (tensors.get(name) as Stored).bytes);
}

export function put(root: string, files: Files): string {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
  return root;
}
