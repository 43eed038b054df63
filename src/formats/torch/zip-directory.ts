import { FormatError, UnsupportedError } from "../../core/index.ts";
import type { SourceWindow } from "./window.ts";
import { zipLocalBytes, zipSignature } from "./wire.ts";
import { findEnd } from "./zip-end.ts";
import { badDirectory, toOffset } from "./zip-field.ts";

/** One entry of the central directory. */
export interface ZipEntry {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly flags: number;
  /** Undefined throughout an archive that was saved without checksums. */
  readonly crc: number | undefined;
  readonly byteLength: number;
  readonly headerOffset: number;
  /** Where the next member's header or the central directory starts: data may not reach past it. */
  readonly limitOffset: number;
}

/** Bytes of the fixed part of a directory entry. */
const centralBytes = 46;

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
  if (sizes.headerOffset + zipLocalBytes + nameLength + sizes.byteLength > directoryOffset)
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
    if (entry.headerOffset + zipLocalBytes + entry.nameBytes.byteLength + entry.byteLength > limit)
      badDirectory(
        file,
        `members ${JSON.stringify(entry.name)} and ${JSON.stringify(next?.name)} overlap`,
        limit,
      );
    limits.set(entry.name, limit);
  }
  // torch.serialization.set_crc32_options(False) leaves all of them at zero.
  const hasChecksums = entries.some((entry) => entry.crc !== 0);
  return new Map(
    entries.map((entry) => [
      entry.name,
      {
        ...entry,
        crc: hasChecksums ? entry.crc : undefined,
        limitOffset: limits.get(entry.name) as number,
      },
    ]),
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
