// Reads a safetensors file in a few lines, without tenon, so that what checks tenon does not depend on it.
import { readFileSync } from "node:fs";

/** Name → values, row-major, widened to f64. F32 and BF16 only. */
export function readWeights(path: string): Map<string, Float64Array> {
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerBytes)) as Record<string, Entry>;
  const weights = new Map<string, Float64Array>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    weights.set(name, values(entry.dtype, bytes.subarray(8 + headerBytes + begin, 8 + headerBytes + end)));
  }
  return weights;
}

interface Entry {
  readonly dtype: string;
  readonly data_offsets: readonly [number, number];
}

function values(dtype: string, bytes: Buffer): Float64Array {
  const { length } = bytes;
  if (dtype === "F32") return Float64Array.from({ length: length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
  if (dtype !== "BF16") throw new Error(`the demo reads F32 and BF16, not ${dtype}`);
  const widened = Buffer.alloc(4);
  return Float64Array.from({ length: length / 2 }, (_, at) => {
    widened.writeUInt16LE(bytes.readUInt16LE(2 * at), 2);
    return widened.readFloatLE(0);
  });
}
