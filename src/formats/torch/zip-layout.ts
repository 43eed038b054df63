// Where everything goes in a zip archive as torch writes it: caffe2/serialize/inline_container.cc (padding) and miniz with
// its 64-bit records always on (torch 2.13), and files of it in test/fixtures/torch.
import { crc32 } from "../../bytes/index.ts";
import { storageAlignment, zipFlags, zipLocalBytes, zipSignature } from "./wire.ts";

/** Sizes and offsets from here on stand in a 64-bit extra field. */
const limit32 = 0xffff_ffff;

export interface PlannedMember {
  readonly name: Uint8Array;
  readonly byteLength: number;
  readonly headerOffset: number;
  readonly dataOffset: number;
}

interface Piece {
  readonly byteOffset: number;
  readonly bytes: Uint8Array;
}

/** Plans members one after the other. Data of each starts at a multiple of 64 from the start of the archive. */
export class ZipLayout {
  readonly #members: PlannedMember[] = [];
  readonly #headers: Piece[] = [];
  /** Checksums of members whose bytes are known already. */
  readonly #known = new Map<PlannedMember, number>();
  #end = 0;

  /** A member whose bytes come later. */
  add(name: string, byteLength: number): PlannedMember {
    const encoded = new TextEncoder().encode(name);
    const headerOffset = this.#end;
    const wide = wideField(byteLength, headerOffset);
    const bare = headerOffset + zipLocalBytes + encoded.length + wide.length + 4;
    const dataOffset = Math.ceil(bare / storageAlignment) * storageAlignment;
    const header = new Uint8Array(dataOffset - headerOffset);
    const view = new DataView(header.buffer);
    view.setUint32(0, zipSignature.local, true);
    view.setUint16(6, flagsOf(byteLength), true);
    view.setUint16(26, encoded.length, true);
    view.setUint16(28, header.length - zipLocalBytes - encoded.length, true);
    header.set(encoded, zipLocalBytes);
    header.set(wide, zipLocalBytes + encoded.length);
    const padding = zipLocalBytes + encoded.length + wide.length;
    header.set([0x46, 0x42], padding);
    view.setUint16(padding + 2, dataOffset - bare, true);
    header.fill(0x5a, padding + 4);
    const member = { name: encoded, byteLength, headerOffset, dataOffset };
    this.#members.push(member);
    this.#headers.push({ byteOffset: headerOffset, bytes: header });
    this.#end = dataOffset + byteLength + descriptorBytes(member);
    return member;
  }

  /** A member with its bytes. */
  put(name: string, bytes: Uint8Array): void {
    const member = this.add(name, bytes.length);
    const crc = crc32(bytes);
    this.#known.set(member, crc);
    this.#headers.push(
      { byteOffset: member.dataOffset, bytes },
      { byteOffset: member.dataOffset + bytes.length, bytes: descriptor(member, crc) },
    );
  }

  /** What does not depend on checksums of members that come later. */
  get fixed(): readonly Piece[] {
    return this.#headers;
  }

  get byteLength(): number {
    return this.#end + this.#directoryBytes + tailBytes;
  }

  /** The rest: descriptors behind those members, the directory and the end records. */
  seal(crcOf: (member: PlannedMember) => number): readonly Piece[] {
    const crcs = this.#members.map((member) => this.#known.get(member) ?? crcOf(member));
    const pieces: Piece[] = [];
    for (const [at, member] of this.#members.entries())
      if (!this.#known.has(member) && descriptorBytes(member) > 0)
        pieces.push({
          byteOffset: member.dataOffset + member.byteLength,
          bytes: descriptor(member, crcs[at] as number),
        });
    return [...pieces, { byteOffset: this.#end, bytes: this.#directory(crcs) }];
  }

  get #directoryBytes(): number {
    return this.#members.reduce((sum, member) => sum + directoryEntryBytes(member), 0);
  }

  #directory(crcs: readonly number[]): Uint8Array {
    const size = this.#directoryBytes;
    const bytes = new Uint8Array(size + tailBytes);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const [index, member] of this.#members.entries()) {
      const { name, byteLength, headerOffset } = member;
      const wide = wideField(byteLength, headerOffset);
      view.setUint32(at, zipSignature.central, true);
      view.setUint16(at + 8, flagsOf(byteLength), true);
      view.setUint32(at + 16, crcs[index] as number, true);
      view.setUint32(at + 20, Math.min(byteLength, limit32), true);
      view.setUint32(at + 24, Math.min(byteLength, limit32), true);
      view.setUint16(at + 28, name.length, true);
      view.setUint16(at + 30, wide.length, true);
      view.setUint32(at + 42, Math.min(headerOffset, limit32), true);
      bytes.set(name, at + centralBytes);
      bytes.set(wide, at + centralBytes + name.length);
      at += directoryEntryBytes(member);
    }
    writeTail(view, at, { count: this.#members.length, size, offset: this.#end });
    return bytes;
  }
}

const centralBytes = 46;
/** 64-bit end record, its locator, end record. */
const tailBytes = 56 + 20 + 22;

function directoryEntryBytes({ name, byteLength, headerOffset }: PlannedMember): number {
  return centralBytes + name.length + wideField(byteLength, headerOffset).length;
}

/** An empty member has no descriptor. */
function flagsOf(byteLength: number): number {
  return byteLength === 0 ? zipFlags.utf8 : zipFlags.utf8 + zipFlags.hasDescriptor;
}

/** The 64-bit extra field: both sizes where one does not fit 32 bits, then the offset where that does not. */
function wideField(byteLength: number, headerOffset: number): Uint8Array {
  const values = [
    ...(byteLength >= limit32 ? [byteLength, byteLength] : []),
    ...(headerOffset >= limit32 ? [headerOffset] : []),
  ];
  if (values.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(4 + 8 * values.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 1, true);
  view.setUint16(2, 8 * values.length, true);
  for (const [at, value] of values.entries()) view.setBigUint64(4 + 8 * at, BigInt(value), true);
  return bytes;
}

/** Sizes take 8 bytes in the descriptor of every member that has a 64-bit field. */
function descriptorBytes({ byteLength, headerOffset }: PlannedMember): number {
  if (byteLength === 0) return 0;
  return wideField(byteLength, headerOffset).length > 0 ? 24 : 16;
}

function descriptor(member: PlannedMember, crc: number): Uint8Array {
  const bytes = new Uint8Array(descriptorBytes(member));
  if (bytes.length === 0) return bytes;
  const view = new DataView(bytes.buffer);
  view.setUint32(0, zipSignature.descriptor, true);
  view.setUint32(4, crc, true);
  for (const at of [0, 1]) {
    if (bytes.length === 24) view.setBigUint64(8 + 8 * at, BigInt(member.byteLength), true);
    else view.setUint32(8 + 4 * at, member.byteLength, true);
  }
  return bytes;
}

function writeTail(
  view: DataView,
  at: number,
  { count, size, offset }: { readonly count: number; readonly size: number; readonly offset: number },
): void {
  view.setUint32(at, zipSignature.end64, true);
  view.setBigUint64(at + 4, 44n, true);
  view.setUint16(at + 12, 0x031e, true);
  view.setUint16(at + 14, 45, true);
  view.setBigUint64(at + 24, BigInt(count), true);
  view.setBigUint64(at + 32, BigInt(count), true);
  view.setBigUint64(at + 40, BigInt(size), true);
  view.setBigUint64(at + 48, BigInt(offset), true);
  view.setUint32(at + 56, zipSignature.end64Locator, true);
  view.setBigUint64(at + 64, BigInt(offset + size), true);
  view.setUint32(at + 72, 1, true);
  view.setUint32(at + 76, zipSignature.end, true);
  view.setUint16(at + 84, Math.min(count, 0xffff), true);
  view.setUint16(at + 86, Math.min(count, 0xffff), true);
  view.setUint32(at + 88, Math.min(size, limit32), true);
  view.setUint32(at + 92, Math.min(offset, limit32), true);
}
