import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  byteLengthOf,
  type DType,
  type JsonRecord,
  parseJsonRecord,
  type Shape,
  type Tensor,
} from "../../src/core/index.ts";

/** A tensor of a fixture with its values at hand; none for dtypes other than F32, BF16 and F16. */
export interface FixtureTensor extends Tensor {
  readonly values: Float32Array;
}

const root = new URL("../fixtures/", import.meta.url);

export function fixturePath(path: string): URL {
  return new URL(path, root);
}

export function readJson(path: string): JsonRecord {
  return parseJsonRecord(readFileSync(fixturePath(path), "utf8"), { file: path });
}

/** Every tensor of one safetensors file, or of all of them in a directory; `file` is relative to the fixtures. */
export function readTensors(path: string): FixtureTensor[] {
  if (!path.endsWith(".safetensors")) {
    const files = readdirSync(fixturePath(`${path}/`)).filter((name) => name.endsWith(".safetensors"));
    return files.sort().flatMap((name) => readTensors(`${path}/${name}`));
  }
  const bytes = readFileSync(fixturePath(path));
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerLength).toString()) as Record<
    string,
    { dtype: DType; shape: number[]; data_offsets: [number, number] }
  >;
  return Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, { dtype, shape, data_offsets }]) => {
      const [from, to] = data_offsets;
      const data = bytes.subarray(8 + headerLength + from, 8 + headerLength + to);
      return { ...bare(name, dtype, shape, path), values: floats(dtype, data) };
    });
}

/** A tensor without bytes, for tests of names and shapes. */
export function bare(name: string, dtype: DType, shape: Shape, file = "model.safetensors"): Tensor {
  return {
    id: `${file}#${name}`,
    name,
    dtype,
    shape,
    byteLength: byteLengthOf(dtype, shape),
    file,
    read: () => Promise.reject(new Error("these tensors have no bytes")),
  };
}

function floats(dtype: DType, data: Buffer): Float32Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (!/^(?:F32|BF16|F16)$/.test(dtype)) return new Float32Array();
  const width = dtype === "F32" ? 4 : 2;
  const out = new Float32Array(data.byteLength / width);
  for (let at = 0; at < out.length; at++) {
    if (dtype === "F32") out[at] = view.getFloat32(at * 4, true);
    else if (dtype === "BF16") out[at] = fromBits(view.getUint16(at * 2, true) * 65536);
    else out[at] = fromHalf(view.getUint16(at * 2, true));
  }
  return out;
}

const scratch = new DataView(new ArrayBuffer(4));

function fromBits(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

function fromHalf(bits: number): number {
  const exponent = Math.floor(bits / 1024) % 32;
  const fraction = bits % 1024;
  const sign = bits >= 32768 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Rounds to a narrower type, half to even. */
export function rounded(dtype: DType, value: number): number {
  if (dtype === "F32") return Math.fround(value);
  const keep = dtype === "BF16" ? 8 : 11;
  if (value === 0 || !Number.isFinite(value)) return value;
  const lowest = dtype === "BF16" ? -126 : -14;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), lowest);
  const step = 2 ** (exponent - keep + 1);
  const units = value / step;
  const floor = Math.floor(units);
  const rest = units - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return (floor + (up ? 1 : 0)) * step;
}

export function caseNames(topic: string): string[] {
  return readdirSync(fixturePath(`${topic}/`)).filter((name) =>
    existsSync(fixturePath(`${topic}/${name}/case.json`)),
  );
}
