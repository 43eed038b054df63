import { byteLengthOf, type DType, dtypes, PlanError, type Shape } from "../../core/index.ts";
import type { FileLayout } from "../format.ts";
import { headerBytesLimit } from "./limits.ts";
import { headerAlignment, headerPadding, lengthBytes, metadataKey, type TensorEntryWire } from "./wire.ts";

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * Lays out a file byte for byte as the Rust writer does: tensors by dtype, descending in the order of its enum, then
 * by the UTF-8 bytes of the name; compact JSON, padded with spaces to a multiple of 8.
 *
 * That writer puts metadata of several keys in no fixed order; here they keep the order that they are given in.
 * @throws PlanError TENON_SAFETENSORS_NAME_TWICE, TENON_SAFETENSORS_NAME_UNWRITABLE, TENON_SAFETENSORS_HEADER_UNWRITABLE
 */
export function layOutSafetensors(
  entries: readonly Entry[],
  metadata: Readonly<Record<string, string>>,
): FileLayout {
  const parts: string[] = [];
  if (Object.keys(metadata).length > 0) parts.push(`${quote(metadataKey)}:${metadataJson(metadata)}`);
  const placed: { name: string; byteOffset: number; byteLength: number }[] = [];
  let at = 0;
  for (const { name, dtype, shape } of inWriterOrder(entries)) {
    const byteLength = byteLengthOf(dtype, shape);
    const wire: TensorEntryWire = { dtype, shape, data_offsets: [at, at + byteLength] };
    parts.push(`${quote(name)}:${JSON.stringify(wire)}`);
    placed.push({ name, byteOffset: at, byteLength });
    at += byteLength;
  }
  const header = encodeHeader(`{${parts.join(",")}}`);
  return {
    byteLength: header.length + at,
    fixed: [{ byteOffset: 0, bytes: header }],
    tensors: placed.map((tensor) => ({ ...tensor, byteOffset: header.length + tensor.byteOffset })),
  };
}

function inWriterOrder(entries: readonly Entry[]): readonly Entry[] {
  const encoder = new TextEncoder();
  const keyed = entries.map((entry) => ({
    entry,
    rank: dtypes.indexOf(entry.dtype),
    key: encoder.encode(entry.name),
  }));
  keyed.sort((a, b) => b.rank - a.rank || compareBytes(a.key, b.key));
  const seen = new Set<string>();
  for (const { name } of entries) {
    checkName(name);
    if (seen.has(name)) {
      throw new PlanError(
        "TENON_SAFETENSORS_NAME_TWICE",
        `safetensors: two tensors are named ${JSON.stringify(name)}`,
        {
          details: { tensor: name },
        },
      );
    }
    seen.add(name);
  }
  return keyed.map(({ entry }) => entry);
}

function checkName(name: string): void {
  if (name !== metadataKey && !/\p{Surrogate}/u.test(name)) return;
  const message = `safetensors: no tensor can be named ${JSON.stringify(name)}`;
  throw new PlanError("TENON_SAFETENSORS_NAME_UNWRITABLE", message, { details: { tensor: name } });
}

/** UTF-16 order, which `<` on strings has, differs from UTF-8 order above U+FFFF. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * A JSON string as serde_json writes it: `\"` `\\` `\b` `\f` `\n` `\r` `\t`, other control characters as `\u00xx`, all
 * else as it is. `JSON.stringify` does the same for text without lone surrogates.
 */
function quote(text: string): string {
  return JSON.stringify(text);
}

function metadataJson(metadata: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(metadata).map(([key, value]) => {
    if (/\p{Surrogate}/u.test(key + value)) {
      const message = `safetensors: metadata ${JSON.stringify(key)} holds half a character`;
      throw new PlanError("TENON_SAFETENSORS_NAME_UNWRITABLE", message, { details: { key } });
    }
    return `${quote(key)}:${quote(value)}`;
  });
  return `{${pairs.join(",")}}`;
}

/** Length, JSON and padding. */
function encodeHeader(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const headerBytes = Math.ceil(text.length / headerAlignment) * headerAlignment;
  if (headerBytes > headerBytesLimit) {
    const message = `safetensors: the header takes ${headerBytes} bytes, at most ${headerBytesLimit} are allowed`;
    throw new PlanError("TENON_SAFETENSORS_HEADER_UNWRITABLE", message, {
      details: { headerBytes },
      hint: "Write more shards.",
    });
  }
  const bytes = new Uint8Array(lengthBytes + headerBytes).fill(headerPadding);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(text, lengthBytes);
  return bytes;
}
