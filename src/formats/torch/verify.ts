import type { ByteSource } from "../../bytes/index.ts";
import { sniffTorch } from "./sniff.ts";
import { SourceWindow } from "./window.ts";
import { readZipDirectory } from "./zip-directory.ts";
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
 * Reads every member of a torch zip archive and compares its CRC-32, in pieces of bounded size. Legacy files, and
 * archives saved with checksums turned off, have none: nothing is read then, and `checkedMembers` is 0.
 * @throws FormatError TENON_ZIP_DIRECTORY when the archive itself is broken
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
  for (const entry of (await readZipDirectory(window, options.signal)).values()) {
    if (entry.crc === undefined) continue;
    const found = await memberChecksum(window, entry, options);
    checkedMembers++;
    if (found !== entry.crc) problems.push({ member: entry.name, expected: entry.crc, found });
  }
  return { checkedMembers, problems };
}
