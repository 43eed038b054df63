import type { ByteSource } from "../bytes/index.ts";
import { type Checkpoint, type FileEntry, throwIfAborted } from "../core/index.ts";
import { verifyChecksums } from "../formats/index.ts";
import type { Host } from "./host.ts";
import { treeOfCheckpoint } from "./open.ts";
import type { RunOptions } from "./options.ts";
import type { Verification, VerifyCheck } from "./verification.ts";
import { tensorsOf } from "./verify-tensors.ts";

/** What somebody wrote down about a file. */
export interface ExpectedFile {
  readonly check: VerifyCheck;
  readonly path: string;
  readonly bytes: number;
  readonly sha256?: string | undefined;
}

/** Names under which torch.save files go about; state of trainers, which holds no tensor that was opened, among them. */
const torchNames = /\.(?:bin|pt|pth|pkl|ckpt|distcp)$/;
const pieceBytes = 1024 * 1024;

/**
 * Reads every file that holds more than tensors that were read already, and compares sizes, SHA-256 and CRC-32 with what is
 * recorded. @throws InterruptedError TENON_INTERRUPTED
 */
export async function verifyFiles(
  host: Host,
  checkpoint: Checkpoint,
  expected: readonly ExpectedFile[],
  verification: Verification,
  options: RunOptions,
): Promise<void> {
  const present = new Map(checkpoint.files.map((file) => [file.path, file]));
  const hashed = new Map<string, ExpectedFile[]>();
  for (const record of expected) {
    const file = present.get(record.path);
    verification.looked(record.check);
    if (file === undefined) verification.fail(record.check, "it is not there", { file: record.path });
    else if (file.byteLength !== record.bytes)
      verification.fail(record.check, `${file.byteLength} bytes, not the ${record.bytes} recorded`, {
        file: record.path,
      });
    else if (record.sha256 !== undefined)
      hashed.set(record.path, [...(hashed.get(record.path) ?? []), record]);
  }
  const withTensors = new Set(tensorsOf(checkpoint).map(({ file }) => file));
  // Tensors of safetensors files have been read; nothing is left of such a file but its header, which opening read.
  const reading = checkpoint.files.filter(
    ({ path }) => hashed.has(path) || !withTensors.has(path) || !path.endsWith(".safetensors"),
  );
  const totalBytes = reading.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let doneBytes = 0;
  for (const file of reading) {
    throwIfAborted(options.signal);
    await verifyFile(file, hashed.get(file.path) ?? [], withTensors.has(file.path));
    doneBytes += file.byteLength;
    options.onProgress?.({ task: "checksums", doneBytes, totalBytes });
  }

  async function verifyFile(
    { path }: FileEntry,
    records: readonly ExpectedFile[],
    hasTensors: boolean,
  ): Promise<void> {
    const isTorch = torchNames.test(path) || (hasTensors && !path.endsWith(".safetensors"));
    const check = records[0]?.check ?? (isTorch ? "crc32" : "files");
    try {
      const source = await treeOfCheckpoint(checkpoint).open(path, options.signal);
      try {
        if (records.length > 0) await compareHash(source, records);
        const members = isTorch ? await compareChecksums(source, checkpoint) : 0;
        if (members === 0 && records.length === 0) await readWhole(source, options.signal);
        if (members === 0 && !hasTensors) verification.looked("files");
      } finally {
        await source.close();
      }
    } catch (error) {
      verification.failBy(check, error, { file: path });
    }
  }

  async function compareHash(source: ByteSource, records: readonly ExpectedFile[]): Promise<void> {
    const found = await host.sha256(source, options.signal);
    for (const { check, sha256 } of records)
      if (sha256 !== found)
        verification.fail(check, `SHA-256 ${found}, not ${sha256}`, { file: source.path });
  }

  /** How many members there were to check. */
  async function compareChecksums(source: ByteSource, { entries }: Checkpoint): Promise<number> {
    const { signal } = options;
    const { checkedMembers, problems } = await verifyChecksums(source, { signal });
    if (checkedMembers > 0) verification.looked("crc32", checkedMembers);
    for (const { member, expected: wanted, found } of problems) {
      // Tensors say which record of their file they view: `<file>#<record>+…`.
      const record = /\/data\/([^/]+)$/.exec(member)?.[1];
      const tensors = entries
        .map(({ tensor }) => tensor)
        .filter(
          ({ file, storage = "" }) =>
            file === source.path && storage.startsWith(`${source.location}#${record}+`),
        );
      const message = `member ${member} has CRC-32 ${hex(found)}, not ${hex(wanted)}`;
      for (const { name } of tensors)
        verification.fail("crc32", message, { file: source.path, tensor: name });
      if (tensors.length === 0) verification.fail("crc32", message, { file: source.path });
    }
    return checkedMembers;
  }
}

async function readWhole(source: ByteSource, signal: AbortSignal | undefined): Promise<void> {
  const piece = new Uint8Array(Math.min(pieceBytes, source.byteLength));
  for (let at = 0; at < source.byteLength; at += pieceBytes)
    await source.read(at, piece.subarray(0, Math.min(pieceBytes, source.byteLength - at)), signal);
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
