import { directoryBytesLimit, memberLimit } from "./limits.ts";
import type { SourceWindow } from "./window.ts";
import { zipSignature } from "./wire.ts";
import { badDirectory, toOffset } from "./zip-field.ts";

/** Bytes of the fixed parts of these records. */
const endBytes = 22;
const end64Bytes = 56;
const locatorBytes = 20;
/** The comment after the end record has a 16-bit length. */
const commentBytes = 65_535;

/** Where the central directory lies. */
export interface ZipEnd {
  readonly entryCount: number;
  readonly directoryBytes: number;
  readonly directoryOffset: number;
}

/**
 * Where the archive that ends a window starts in it: 0, or later in a file of several archives, as a `.distcp` is. Told from
 * the three records that torch ends every archive with; 0 when they are not there.
 */
export async function lastArchiveStart(file: SourceWindow, signal?: AbortSignal): Promise<number> {
  const length = end64Bytes + locatorBytes + endBytes;
  if (file.byteLength < length) return 0;
  const tailOffset = file.byteLength - length;
  const view = new DataView((await file.bytes(tailOffset, length, signal)).buffer);
  const isTorchEnd =
    view.getUint32(0, true) === zipSignature.end64 &&
    view.getUint32(end64Bytes, true) === zipSignature.end64Locator &&
    view.getUint32(end64Bytes + locatorBytes, true) === zipSignature.end;
  if (!isTorchEnd) return 0;
  return Math.max(0, tailOffset - toOffset(file, view, 40) - toOffset(file, view, 48));
}

/**
 * Finds the end record of a zip archive, and the 64-bit one that torch always writes beside it.
 * @throws FormatError TENON_ZIP_DIRECTORY
 */
export async function findEnd(file: SourceWindow, signal: AbortSignal | undefined): Promise<ZipEnd> {
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
): Promise<ZipEnd> {
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
  end: ZipEnd,
  locatorOffset: number,
  recordOffset: number,
  signal: AbortSignal | undefined,
): Promise<ZipEnd & { recordOffset: number }> {
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
