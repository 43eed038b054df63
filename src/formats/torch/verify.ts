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

/**
 * Reads every member of a torch zip archive and compares its CRC-32, in pieces of bounded size. A legacy file has no
 * checksums: nothing is read, and nothing is found.
 * @returns the members whose bytes are not those that were saved
 */
export async function verifyChecksums(
  source: ByteSource,
  options: ChecksumOptions = {},
): Promise<readonly ChecksumProblem[]> {
  const window = new SourceWindow(source);
  const head = await window.bytes(0, Math.min(512, window.byteLength), options.signal);
  if (sniffTorch(head) !== "zip") return [];
  const problems: ChecksumProblem[] = [];
  for (const entry of (await readZipDirectory(window, options.signal)).values()) {
    const found = await memberChecksum(window, entry, options);
    if (found !== entry.crc) problems.push({ member: entry.name, expected: entry.crc, found });
  }
  return problems;
}
