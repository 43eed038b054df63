// A file format of one's own: one line that says how long the header is, the header as JSON, and the tensors in its order.
// Nothing is registered: it is given to a verb, as own-layout.ts shows.
import {
  byteLengthOf,
  type Format,
  FormatError,
  isDType,
  isJsonRecord,
  type Json,
  parseJsonRecord,
  storedTensor,
} from "tenon";

const firstLine = /^plain tensors (\d{9})\n$/;
const lineBytes = 24;

export const plainFormat: Format = {
  name: "plain",
  canWrite: true,
  sniff: (head) => firstLine.test(String.fromCharCode(...head.subarray(0, lineBytes))),
  async open(source, { signal } = {}) {
    const line = new Uint8Array(lineBytes);
    await source.read(0, line, signal);
    const [, digits] = firstLine.exec(String.fromCharCode(...line)) ?? [];
    // Nothing that a file says is believed: its numbers are compared with its length before they are used.
    const headerEnd = lineBytes + Number(digits);
    if (!(headerEnd <= source.byteLength)) throw bad("the header is cut off or is none", source.path);
    const json = new Uint8Array(headerEnd - lineBytes);
    await source.read(lineBytes, json, signal);
    const { tensors, metadata } = parseJsonRecord(new TextDecoder().decode(json), { file: source.path });
    if (!Array.isArray(tensors) || !isStrings(metadata)) throw bad("the header has no tensors", source.path);
    let byteOffset = headerEnd;
    const stored = tensors.map((entry) => {
      const { name, dtype, shape } = isJsonRecord(entry) ? entry : {};
      if (typeof name !== "string" || !isDType(dtype) || !isShape(shape)) throw bad("an entry", source.path);
      const place = { name, dtype, shape, byteOffset, byteLength: byteLengthOf(dtype, shape) };
      byteOffset += place.byteLength;
      return storedTensor(source, place);
    });
    if (new Set(stored.map(({ name }) => name)).size < stored.length) throw bad("a name twice", source.path);
    if (byteOffset !== source.byteLength) throw bad(`${byteOffset} bytes are announced`, source.path);
    return { format: "plain", tensors: stored, metadata };
  },
  layOut(entries, metadata) {
    const tensors = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const json = new TextEncoder().encode(JSON.stringify({ tensors, metadata }));
    const line = new TextEncoder().encode(`plain tensors ${String(json.length).padStart(9, "0")}\n`);
    let byteOffset = line.length + json.length;
    const placed = tensors.map(({ name, dtype, shape }) => {
      const byteLength = byteLengthOf(dtype, shape);
      byteOffset += byteLength;
      return { name, byteOffset: byteOffset - byteLength, byteLength };
    });
    const fixed = [line, json].map((bytes, at) => ({ byteOffset: at * line.length, bytes }));
    return { byteLength: byteOffset, fixed, tensors: placed };
  },
};

const bad = (what: string, path: string): FormatError =>
  new FormatError("PLAIN_MALFORMED", `plain: ${what} (${path})`);
const isShape = (value: Json | undefined): value is number[] =>
  Array.isArray(value) && value.every((size) => typeof size === "number");
const isStrings = (value: Json | undefined): value is Record<string, string> =>
  value !== undefined &&
  isJsonRecord(value) &&
  Object.values(value).every((text) => typeof text === "string");
