import type { ByteSource } from "../../bytes/index.ts";
import { type JsonRecord, type Observation, throwIfAborted } from "../../core/index.ts";
import type { OpenFileOptions, TensorFile } from "../format.ts";
import { storedTensor } from "../stored-tensor.ts";
import { bad, type Header, parseHeader } from "./header.ts";
import { firstReadBytes, headerBytesLimit, namesInReport } from "./limits.ts";
import { lengthBytes } from "./wire.ts";

/**
 * Reads the header of a safetensors file: one read for most files, two for a header above 16 kB.
 *
 * Alignment of the data is not required. A data section that is shorter or longer than the header says is an error,
 * or, with `report`, an observation under the same code; reading a tensor that is cut off fails then.
 * @throws FormatError TENON_SAFETENSORS_…, UnsupportedError TENON_SAFETENSORS_UNKNOWN_DTYPE
 */
export async function openSafetensors(
  source: ByteSource,
  options: OpenFileOptions = {},
): Promise<TensorFile> {
  const { path, byteLength } = source;
  throwIfAborted(options.signal);
  if (byteLength < lengthBytes) {
    const found =
      byteLength === 0 ? "the file is empty" : `the file has ${byteLength} bytes, the header length takes 8`;
    throw bad(byteLength === 0 ? "TENON_SAFETENSORS_EMPTY" : "TENON_SAFETENSORS_TOO_SHORT", found, path, {
      byteLength,
    });
  }
  const first = new Uint8Array(Math.min(byteLength, firstReadBytes));
  await source.read(0, first, options.signal);
  const headerBytes = headerLength(first, byteLength, path);
  let header = first.subarray(lengthBytes, lengthBytes + headerBytes);
  if (header.length < headerBytes) {
    const whole = new Uint8Array(headerBytes);
    whole.set(header);
    await source.read(lengthBytes + header.length, whole.subarray(header.length), options.signal);
    header = whole;
  }
  const parsed = parseHeader(header, path);
  const dataStart = lengthBytes + headerBytes;
  checkDataSection(parsed, byteLength - dataStart, path, options.report);
  return {
    format: "safetensors",
    tensors: parsed.entries.map(({ name, dtype, shape, begin, end }) =>
      storedTensor(source, { name, dtype, shape, byteOffset: dataStart + begin, byteLength: end - begin }),
    ),
    metadata: parsed.metadata,
  };
}

function headerLength(first: Uint8Array, byteLength: number, path: string): number {
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length > BigInt(headerBytesLimit)) {
    const found = `the header has ${length} bytes, at most ${headerBytesLimit} are allowed`;
    throw bad("TENON_SAFETENSORS_HEADER_TOO_LARGE", found, path, { headerBytes: String(length) });
  }
  const headerBytes = Number(length);
  if (lengthBytes + headerBytes > byteLength) {
    const found = `the header has ${headerBytes} bytes, the file ends after ${byteLength - lengthBytes} of them`;
    throw bad("TENON_SAFETENSORS_HEADER_TRUNCATED", found, path, { headerBytes, byteLength });
  }
  return headerBytes;
}

function checkDataSection(
  header: Header,
  actual: number,
  path: string,
  report: OpenFileOptions["report"],
): void {
  const expected = header.dataBytes;
  if (actual === expected) return;
  const isShort = actual < expected;
  const code = isShort ? "TENON_SAFETENSORS_TRUNCATED" : "TENON_SAFETENSORS_TRAILING_BYTES";
  const cutOff = header.entries.filter((entry) => entry.end > actual).map((entry) => entry.name);
  const facts: JsonRecord = { path, expected, actual, cutOff: cutOff.length };
  if (report !== undefined) {
    const names = isShort ? cutOff.slice(0, namesInReport) : [path];
    report({ code, names, facts } satisfies Observation);
    return;
  }
  const found = isShort
    ? `the data section has ${actual} of ${expected} bytes; ${cutOff.length} tensors are cut off, first ${JSON.stringify(cutOff[0])}`
    : `${actual - expected} bytes follow the last tensor`;
  throw bad(code, found, path, facts);
}
