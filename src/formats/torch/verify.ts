import type { ByteSource } from "../../bytes/index.ts";
import { sniffTorch } from "./sniff.ts";
import { SourceWindow } from "./window.ts";
import { readZipDirectory } from "./zip-directory.ts";
import { lastArchiveStart } from "./zip-end.ts";
import { type ChecksumOptions, memberChecksum } from "./zip-member.ts";

export interface ChecksumProblem {
  readonly member: string;
  readonly expected: number;
  readonly found: number;
}

export interface ChecksumReport {
  /** Members that were read and compared; 0 for a file without checksums. */
  readonly checkedMembers: number;
  /** Members whose bytes are not those that were saved. */
  readonly problems: readonly ChecksumProblem[];
}

/**
 * Reads every member of a torch zip archive and compares its CRC-32, in pieces of bounded size; of every archive in a file
 * of several (`.distcp`). Legacy files, and archives saved with checksums turned off, have none: nothing is read then, and
 * `checkedMembers` is 0.
 * @throws FormatError TENON_ZIP_DIRECTORY when an archive itself is broken
 */
export async function verifyChecksums(
  source: ByteSource,
  options: ChecksumOptions = {},
): Promise<ChecksumReport> {
  const window = new SourceWindow(source);
  const head = await window.bytes(0, Math.min(512, window.byteLength), options.signal);
  const problems: ChecksumProblem[] = [];
  let checkedMembers = 0;
  if (sniffTorch(head) !== "zip") return { checkedMembers, problems };
  for (const archive of await archivesIn(source, options.signal))
    for (const entry of (await readZipDirectory(archive, options.signal)).values()) {
      if (entry.crc === undefined) continue;
      const found = await memberChecksum(archive, entry, options);
      checkedMembers++;
      const isOnly = archive.byteLength === source.byteLength;
      const member = isOnly ? entry.name : `${entry.name} of the item at byte ${archive.byteOffset}`;
      if (found !== entry.crc) problems.push({ member, expected: entry.crc, found });
    }
  return { checkedMembers, problems };
}

/** Archives lie one behind the other, and each knows its own length at its end: they are found from the last to the first. */
async function archivesIn(source: ByteSource, signal: AbortSignal | undefined): Promise<SourceWindow[]> {
  const archives: SourceWindow[] = [];
  for (let end = source.byteLength; end > 0; ) {
    const start = await lastArchiveStart(new SourceWindow(source, 0, end), signal);
    archives.push(new SourceWindow(source, start, end - start));
    end = start;
  }
  return archives.reverse();
}
