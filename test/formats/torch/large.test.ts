import { describe, expect, it } from "vitest";
import type { ByteSource } from "../../../src/bytes/index.ts";
import { openTorch, verifyChecksums } from "../../../src/formats/index.ts";
import { none, record } from "../../pickle/assemble.ts";
import { archiveMembers, type Member, storage, tensor, zip } from "./archive.ts";

/** 1.1 billion float32: past every 32-bit field of a zip. */
const numel = 1_100_000_000;
const hole = numel * 4;

/** An archive whose one storage is a hole of 4.4 GB. */
function largeFile(): HoleFile {
  const object = record({
    first: tensor({ storage: storage("FloatStorage", "0", numel), size: [2], stride: [1] }),
    last: tensor({ storage: storage("FloatStorage", "0", numel), offset: numel - 2, size: [2], stride: [1] }),
    ends: tensor({ storage: storage("FloatStorage", "0", numel), size: [2], stride: [numel - 1] }),
  });
  const members = archiveMembers({ object });
  return holeFile(members, "model/data/0", hole);
}

interface HoleFile {
  readonly source: ByteSource;
  readonly reads: { count: number; bytes: number };
}

/**
 * A real archive with one more member, which is a hole but for its first and last two floats: what lies behind it
 * lies far back, and the directory says so in 64-bit fields.
 */
function holeFile(members: readonly Member[], memberName: string, hole: number): HoleFile {
  const head = zip(members);
  const headEnd = new DataView(head.buffer).getUint32(head.length - 6, true);
  const name = new TextEncoder().encode(memberName);
  const local = new Uint8Array(30 + name.length);
  const localView = new DataView(local.buffer);
  localView.setUint32(0, 0x04034b50, true);
  localView.setUint16(6, 0x0808, true);
  localView.setUint16(26, name.length, true);
  local.set(name, 30);
  const dataAt = headEnd + local.length;
  const oldDirectory = head.subarray(headEnd, head.length - 22 - 20 - 56);
  const entry = new Uint8Array(46 + name.length + 28);
  const entryView = new DataView(entry.buffer);
  entryView.setUint32(0, 0x02014b50, true);
  entryView.setUint16(8, 0x0808, true);
  entryView.setUint32(16, 0x12345678, true);
  entryView.setUint32(20, 0xffffffff, true);
  entryView.setUint32(24, 0xffffffff, true);
  entryView.setUint16(28, name.length, true);
  entryView.setUint16(30, 28, true);
  entryView.setUint32(42, 0xffffffff, true);
  entry.set(name, 46);
  entryView.setUint16(46 + name.length, 1, true);
  entryView.setUint16(48 + name.length, 24, true);
  for (const [index, value] of [hole, hole, headEnd].entries())
    entryView.setBigUint64(50 + name.length + 8 * index, BigInt(value), true);
  const directoryAt = dataAt + hole;
  const directoryBytes = oldDirectory.length + entry.length;
  const end = new Uint8Array(56 + 20 + 22);
  const endView = new DataView(end.buffer);
  endView.setUint32(0, 0x06064b50, true);
  endView.setBigUint64(4, 44n, true);
  for (const at of [24, 32]) endView.setBigUint64(at, BigInt(members.length + 1), true);
  endView.setBigUint64(40, BigInt(directoryBytes), true);
  endView.setBigUint64(48, BigInt(directoryAt), true);
  endView.setUint32(56, 0x07064b50, true);
  endView.setBigUint64(64, BigInt(directoryAt + directoryBytes), true);
  endView.setUint32(72, 1, true);
  endView.setUint32(76, 0x06054b50, true);
  for (const at of [84, 86]) endView.setUint16(at, 0xffff, true);
  for (const at of [88, 92]) endView.setUint32(at, 0xffffffff, true);
  const parts = [
    { at: 0, bytes: head.subarray(0, headEnd) },
    { at: headEnd, bytes: local },
    { at: dataAt, bytes: new Uint8Array(new Float32Array([1, 2]).buffer) },
    { at: dataAt + hole - 8, bytes: new Uint8Array(new Float32Array([3, 4]).buffer) },
    { at: directoryAt, bytes: Uint8Array.from([...oldDirectory, ...entry, ...end]) },
  ];
  const reads = { count: 0, bytes: 0 };
  const source: ByteSource = {
    path: "large.pt",
    location: "/large.pt",
    localPath: "/large.pt",
    byteLength: directoryAt + directoryBytes + end.length,
    close: async () => {},
    read: async (from, into) => {
      reads.count++;
      reads.bytes += into.byteLength;
      into.fill(0);
      for (const { at, bytes } of parts) {
        const start = Math.max(from, at);
        const stop = Math.min(from + into.byteLength, at + bytes.length);
        if (start < stop) into.set(bytes.subarray(start - at, stop - at), start - from);
      }
    },
  };
  return { source, reads };
}

describe("a file past 4 GiB", () => {
  it("opens by its directory alone and reads its ends", async () => {
    const { source, reads } = largeFile();
    const { tensors } = await openTorch(source);
    expect(source.byteLength).toBeGreaterThan(2 ** 32);
    expect(reads.bytes).toBeLessThan(10_000);
    const values = await Promise.all(
      tensors.map(async (tensor) => {
        const into = new Uint8Array(8);
        await tensor.read(0, into);
        return [...new Float32Array(into.buffer)];
      }),
    );
    expect(values).toEqual([[1, 2], [3, 4], [1, 4]]); // biome-ignore format: short
    expect(tensors[1]?.extents).toEqual([
      { path: "/large.pt", byteOffset: tensors[0]!.extents![0]!.byteOffset + hole - 8, byteLength: 8 },
    ]);
    expect(tensors[2]?.extents).toBeUndefined();
    expect(reads.bytes).toBeLessThan(20_000);
  });

  it("is verified in pieces", async () => {
    const { source } = largeFile();
    let largest = 0;
    const stop = new AbortController();
    const counting: ByteSource = {
      ...source,
      read: async (at, into, signal) => {
        signal?.throwIfAborted();
        largest = Math.max(largest, into.byteLength);
        if (into.byteLength > 1_000_000) stop.abort();
        await source.read(at, into);
      },
    };
    await expect(verifyChecksums(counting, { signal: stop.signal })).rejects.toThrow();
    expect(largest).toBe(4 * 1024 * 1024);
  });

  it("is refused when that is its pickle", async () => {
    const others = archiveMembers({ object: none }).slice(1);
    const { source, reads } = holeFile(others, "model/data.pkl", 600_000_000);
    await expect(openTorch(source)).rejects.toMatchObject({ code: "TENON_TORCH_PICKLE_TOO_LARGE" });
    expect(reads.bytes).toBeLessThan(10_000);
  });
});
