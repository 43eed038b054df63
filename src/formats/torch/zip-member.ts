import { crc32 } from "../../bytes/index.ts";
import { FormatError } from "../../core/index.ts";
import { checksumChunkBytes } from "./limits.ts";
import type { SourceWindow } from "./window.ts";
import { zipLocalBytes, zipSignature } from "./wire.ts";
import type { ZipEntry } from "./zip-directory.ts";
import { badDirectory } from "./zip-field.ts";

/**
 * Where a member's bytes start. Only the local header knows: torch pads it to align the data, so that its extra field
 * is longer than the directory's.
 * @throws FormatError TENON_ZIP_DIRECTORY when the local header is not the one that the directory describes
 */
export async function locateMember(
  file: SourceWindow,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<number> {
  const nameLength = entry.nameBytes.byteLength;
  const header = await file.bytes(entry.headerOffset, zipLocalBytes + nameLength, signal);
  const view = new DataView(header.buffer);
  const isSame =
    view.getUint32(0, true) === zipSignature.local &&
    view.getUint16(6, true) === entry.flags &&
    view.getUint16(8, true) === 0 &&
    view.getUint16(26, true) === nameLength &&
    entry.nameBytes.every((byte, at) => header[zipLocalBytes + at] === byte);
  if (!isSame) disagree(file, entry);
  // With bit 3 the header may leave all three at zero, as torch does; the data descriptor has them.
  const hasDescriptor = Math.floor(entry.flags / 8) % 2 === 1;
  const crc = view.getUint32(14, true);
  const sizes = [view.getUint32(18, true), view.getUint32(22, true)];
  const mayBeBlank = (value: number): boolean => hasDescriptor && value === 0;
  if (crc !== (entry.crc ?? 0) && !mayBeBlank(crc)) disagree(file, entry);
  for (const size of sizes) {
    const isRight =
      size === entry.byteLength ||
      (size === 0xffffffff && entry.byteLength >= 0xffffffff) ||
      mayBeBlank(size);
    if (!isRight) disagree(file, entry);
  }
  const dataOffset = entry.headerOffset + zipLocalBytes + nameLength + view.getUint16(28, true);
  if (dataOffset + entry.byteLength > entry.limitOffset)
    badDirectory(
      file,
      `data of member ${JSON.stringify(entry.name)} overlaps what follows it`,
      entry.limitOffset,
    );
  return dataOffset;
}

function disagree(file: SourceWindow, entry: ZipEntry): never {
  return badDirectory(
    file,
    `directory disagrees with the local header of ${JSON.stringify(entry.name)}`,
    entry.headerOffset,
  );
}

/** Reads a small member whole and checks its CRC, if the archive has any. @throws FormatError TENON_ZIP_CHECKSUM */
export async function readMember(
  file: SourceWindow,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const dataOffset = await locateMember(file, entry, signal);
  const bytes = await file.bytes(dataOffset, entry.byteLength, signal);
  const found = entry.crc === undefined ? undefined : crc32(bytes);
  if (found !== entry.crc) {
    const message = `torch zip: ${entry.name}: checksum mismatch, the file is damaged (${file.path})`;
    throw new FormatError("TENON_ZIP_CHECKSUM", message, {
      details: { member: entry.name, expected: entry.crc, found, path: file.path },
      hint: "Copy or download the file again.",
    });
  }
  return bytes;
}

export interface ChecksumOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each read with the number of bytes read. */
  readonly onBytes?: ((byteLength: number) => void) | undefined;
}

/** CRC-32 of a member's bytes, read in pieces. */
export async function memberChecksum(
  file: SourceWindow,
  entry: ZipEntry,
  options: ChecksumOptions,
): Promise<number> {
  const dataOffset = await locateMember(file, entry, options.signal);
  const piece = new Uint8Array(Math.min(checksumChunkBytes, entry.byteLength));
  let crc = 0;
  for (let at = 0; at < entry.byteLength; at += piece.byteLength) {
    const part = piece.subarray(0, Math.min(piece.byteLength, entry.byteLength - at));
    await file.read(dataOffset + at, part, options.signal);
    crc = crc32(part, crc);
    options.onBytes?.(part.byteLength);
  }
  return crc;
}
