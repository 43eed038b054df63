import { FormatError, UnsupportedError } from "../../core/index.ts";
import { directoryBytesLimit, memberLimit } from "./limits.ts";
import type { SourceWindow } from "./window.ts";
import { zipSignature } from "./wire.ts";

/** One entry of the central directory. */
export interface ZipEntry {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly flags: number;
  readonly crc: number;
  readonly byteLength: number;
  readonly headerOffset: number;
  /** Where the next member's header or the central directory starts: data may not reach past it. */
  readonly limitOffset: number;
}

/** Bytes of the fixed parts of zip records. */
const endBytes = 22;
const end64Bytes = 56;
const locatorBytes = 20;
const centralBytes = 46;
export const localBytes = 30;
/** The comment after the end record has a 16-bit length. */
const commentBytes = 65_535;

/** @throws FormatError TENON_ZIP_DIRECTORY */
export function badDirectory(file: SourceWindow, complaint: string, offset?: number): never {
  const where = offset === undefined ? "" : ` at byte ${offset}`;
  throw new FormatError("TENON_ZIP_DIRECTORY", `torch zip: ${complaint}${where} (${file.path})`, {
    details: { path: file.path, ...(offset === undefined ? {} : { byteOffset: offset }) },
    hint: "The file is damaged, was cut short, or was not written by torch.save.",
  });
}

/**
 * Reads the central directory of a zip archive whose members are all stored. Local headers are not read: torch leaves
 * their sizes at zero.
 * @throws FormatError TENON_ZIP_DIRECTORY, TENON_ZIP_MEMBER_NAME, UnsupportedError TENON_ZIP_COMPRESSED
 */
export async function readZipDirectory(
  file: SourceWindow,
  signal?: AbortSignal,
): Promise<Map<string, ZipEntry>> {
  const end = await findEnd(file, signal);
  const bytes = await file.bytes(end.directoryOffset, end.directoryBytes, signal);
  const view = new DataView(bytes.buffer);
  const entries: Omit<ZipEntry, "limitOffset">[] = [];
  const names = new Set<string>();
  let at = 0;
  while (entries.length < end.entryCount) {
    if (at + centralBytes > bytes.byteLength || view.getUint32(at, true) !== zipSignature.central)
      badDirectory(
        file,
        `directory entry ${entries.length} of ${end.entryCount} is not one`,
        end.directoryOffset + at,
      );
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + centralBytes + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > bytes.byteLength)
      badDirectory(file, "a directory entry ends past it", end.directoryOffset + at);
    const entry = entryFrom(file, bytes.subarray(at, next), nameBytes, extraBytes, end.directoryOffset);
    if (names.has(entry.name))
      badName(file, `archive has two members named ${JSON.stringify(entry.name)}`, entry.name);
    names.add(entry.name);
    entries.push(entry);
    at = next;
  }
  if (at !== bytes.byteLength)
    badDirectory(file, `${bytes.byteLength - at} bytes follow the last directory entry`);
  return withLimits(file, entries, end.directoryOffset);
}

interface End {
  readonly entryCount: number;
  readonly directoryBytes: number;
  readonly directoryOffset: number;
}

async function findEnd(file: SourceWindow, signal: AbortSignal | undefined): Promise<End> {
  // torch writes no comment: the end record is found in the first, small read.
  for (const tailBytes of [endBytes + locatorBytes + end64Bytes, commentBytes + endBytes + locatorBytes]) {
    const length = Math.min(file.byteLength, tailBytes);
    const tail = await file.bytes(file.byteLength - length, length, signal);
    const view = new DataView(tail.buffer);
    for (let at = length - endBytes; at >= 0; at--) {
      if (view.getUint32(at, true) !== zipSignature.end) continue;
      if (at + endBytes + view.getUint16(at + 20, true) !== length) continue;
      return readEnd(file, view, at, file.byteLength - length, signal);
    }
    if (length === file.byteLength) break;
  }
  return badDirectory(file, "has no end record: the file was cut short or is not a zip archive");
}

async function readEnd(
  file: SourceWindow,
  view: DataView,
  at: number,
  tailOffset: number,
  signal: AbortSignal | undefined,
): Promise<End> {
  if (view.getUint16(at + 4, true) !== view.getUint16(at + 6, true))
    badDirectory(file, "spans several disks");
  const end = {
    entryCount: view.getUint16(at + 10, true),
    directoryBytes: view.getUint32(at + 12, true),
    directoryOffset: view.getUint32(at + 16, true),
  };
  const hasLocator =
    at >= locatorBytes && view.getUint32(at - locatorBytes, true) === zipSignature.end64Locator;
  const endOffset = tailOffset + at;
  const found = hasLocator
    ? await readEnd64(
        file,
        end,
        endOffset - locatorBytes,
        toOffset(file, view, at - locatorBytes + 8),
        signal,
      )
    : { ...end, recordOffset: endOffset };
  const { entryCount, directoryBytes, directoryOffset, recordOffset } = found;
  if (directoryOffset + directoryBytes !== recordOffset)
    badDirectory(
      file,
      `directory of ${directoryBytes} bytes at byte ${directoryOffset} does not end at its end record, byte ${recordOffset}`,
    );
  if (entryCount > memberLimit) badDirectory(file, `${entryCount} members; at most ${memberLimit} are read`);
  if (directoryBytes > directoryBytesLimit)
    badDirectory(file, `directory of ${directoryBytes} bytes; at most ${directoryBytesLimit} are read`);
  return found;
}

/** torch always writes the 64-bit record, whatever the size. Fields of the 32-bit one must agree or be all ones. */
async function readEnd64(
  file: SourceWindow,
  end: End,
  locatorOffset: number,
  recordOffset: number,
  signal: AbortSignal | undefined,
): Promise<End & { recordOffset: number }> {
  if (recordOffset + end64Bytes > locatorOffset)
    badDirectory(file, "64-bit end record lies past its locator", recordOffset);
  const bytes = await file.bytes(recordOffset, end64Bytes, signal);
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0, true) !== zipSignature.end64)
    badDirectory(file, "64-bit end record is not one", recordOffset);
  if (recordOffset + 12 + toOffset(file, view, 4) !== locatorOffset)
    badDirectory(file, "64-bit end record does not end at its locator", recordOffset);
  const found = {
    entryCount: toOffset(file, view, 32),
    directoryBytes: toOffset(file, view, 40),
    directoryOffset: toOffset(file, view, 48),
    recordOffset,
  };
  const agrees =
    (end.entryCount === 0xffff || end.entryCount === found.entryCount) &&
    (end.directoryBytes === 0xffffffff || end.directoryBytes === found.directoryBytes) &&
    (end.directoryOffset === 0xffffffff || end.directoryOffset === found.directoryOffset);
  if (!agrees) badDirectory(file, "32-bit and 64-bit end records disagree", recordOffset);
  return found;
}

function entryFrom(
  file: SourceWindow,
  record: Uint8Array,
  nameLength: number,
  extraLength: number,
  directoryOffset: number,
): Omit<ZipEntry, "limitOffset"> {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const nameBytes = record.slice(centralBytes, centralBytes + nameLength);
  const flags = view.getUint16(8, true);
  const name = decodeName(file, nameBytes);
  const method = view.getUint16(10, true);
  // Bits 0, 6 and 13: encrypted, strongly encrypted, masked.
  const isEncrypted =
    flags % 2 === 1 || Math.floor(flags / 64) % 2 === 1 || Math.floor(flags / 8192) % 2 === 1;
  if (method !== 0 || isEncrypted) {
    const how = isEncrypted ? "is encrypted" : `uses compression ${method}`;
    const message = `torch zip: member ${JSON.stringify(name)} ${how}; torch.save stores uncompressed (${file.path})`;
    throw new UnsupportedError("TENON_ZIP_COMPRESSED", message, {
      details: { member: name, method, path: file.path },
      hint: "Unpack the archive and pack it again without compression (zip -0), or save it again with torch.",
    });
  }
  const sizes = widen(file, name, view, centralBytes + nameLength, extraLength);
  if (sizes.stored !== sizes.byteLength)
    badDirectory(
      file,
      `member ${JSON.stringify(name)} has ${sizes.stored} stored bytes of ${sizes.byteLength}`,
    );
  if (sizes.headerOffset + localBytes + nameLength + sizes.byteLength > directoryOffset)
    badDirectory(file, `member ${JSON.stringify(name)} reaches into the directory`, sizes.headerOffset);
  return {
    name,
    nameBytes,
    flags,
    crc: view.getUint32(16, true),
    byteLength: sizes.byteLength,
    headerOffset: sizes.headerOffset,
  };
}

/** Sizes and offset of an entry: 32-bit fields, each replaced from the zip64 extra field when it is all ones. */
function widen(
  file: SourceWindow,
  name: string,
  view: DataView,
  extraAt: number,
  extraLength: number,
): { stored: number; byteLength: number; headerOffset: number } {
  const narrow = [view.getUint32(24, true), view.getUint32(20, true), view.getUint32(42, true)];
  const wanted = narrow.filter((value) => value === 0xffffffff).length;
  const wide: number[] = [];
  for (let at = extraAt; at + 4 <= extraAt + extraLength; ) {
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > extraAt + extraLength)
      badDirectory(file, `member ${JSON.stringify(name)} has a bad extra field`);
    if (view.getUint16(at, true) === 1)
      for (let field = 0; field + 8 <= length; field += 8) wide.push(toOffset(file, view, at + 4 + field));
    at += 4 + length;
  }
  if (wide.length < wanted) badDirectory(file, `member ${JSON.stringify(name)} lacks its 64-bit sizes`);
  const [byteLength, stored, headerOffset] = narrow.map((value) =>
    value === 0xffffffff ? (wide.shift() as number) : value,
  ) as [number, number, number];
  return { stored, byteLength, headerOffset };
}

/** Members in file order must not overlap; each learns where the next one starts. */
function withLimits(
  file: SourceWindow,
  entries: readonly Omit<ZipEntry, "limitOffset">[],
  directoryOffset: number,
): Map<string, ZipEntry> {
  const inFileOrder = [...entries].sort((a, b) => a.headerOffset - b.headerOffset);
  const limits = new Map<string, number>();
  for (const [index, entry] of inFileOrder.entries()) {
    const next = inFileOrder[index + 1];
    const limit = next?.headerOffset ?? directoryOffset;
    if (entry.headerOffset + localBytes + entry.nameBytes.byteLength + entry.byteLength > limit)
      badDirectory(
        file,
        `members ${JSON.stringify(entry.name)} and ${JSON.stringify(next?.name)} overlap`,
        limit,
      );
    limits.set(entry.name, limit);
  }
  return new Map(
    entries.map((entry) => [entry.name, { ...entry, limitOffset: limits.get(entry.name) as number }]),
  );
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeName(file: SourceWindow, bytes: Uint8Array): string {
  let name: string;
  try {
    name = utf8.decode(bytes);
  } catch {
    return badName(file, "unsafe member name: not UTF-8", "");
  }
  const segments = (name.endsWith("/") ? name.slice(0, -1) : name).split("/");
  const isUnsafe =
    segments.some((segment) => segment === "" || segment === "." || segment === "..") ||
    /[\\\u0000-\u001f\u007f]/.test(name) ||
    /^[A-Za-z]:/.test(name);
  if (isUnsafe) badName(file, `unsafe member name ${JSON.stringify(name)}`, name);
  return name;
}

function badName(file: SourceWindow, complaint: string, name: string): never {
  throw new FormatError("TENON_ZIP_MEMBER_NAME", `torch zip: ${complaint} (${file.path})`, {
    details: { member: name, path: file.path },
  });
}

function toOffset(file: SourceWindow, view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) badDirectory(file, `a 64-bit field holds ${value}`);
  return Number(value);
}
