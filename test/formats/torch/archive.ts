// Builds torch.save archives by hand, sound ones and every kind of broken one.
import { crc32 } from "../../../src/bytes/crc32.ts";
import { isTenonError } from "../../../src/core/index.ts";
import { type Code, call, global, int, persistent, pickle, str, tuple } from "../../pickle/assemble.ts";

export interface Member {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What differs from what torch writes. */
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly localName?: string;
  readonly localFlags?: number;
  /** Directory fields that lie. */
  readonly byteLength?: number;
  readonly storedLength?: number;
  readonly headerOffset?: number;
  /** Sizes and offset in a zip64 extra field. */
  readonly isZip64?: boolean;
  /** Sizes in the local header and no data descriptor, as Python's zipfile writes. */
  readonly isPlain?: boolean;
}

export interface ArchiveOptions {
  readonly comment?: string;
  readonly hasEnd64?: boolean;
  readonly entryCount?: number;
  readonly directoryOffset?: number;
  readonly directoryBytes?: number;
  readonly end64Offset?: number;
  readonly prefix?: number;
}

const utf8 = new TextEncoder();

class Bytes {
  readonly parts: number[] = [];
  get length(): number {
    return this.parts.length;
  }
  u16(...values: number[]): this {
    for (const value of values) this.parts.push(value % 256, Math.floor(value / 256) % 256);
    return this;
  }
  u32(...values: number[]): this {
    for (const value of values) this.u16(value % 65536, Math.floor(value / 65536) % 65536);
    return this;
  }
  u64(...values: number[]): this {
    for (const value of values) this.u32(value % 2 ** 32, Math.floor(value / 2 ** 32));
    return this;
  }
  add(bytes: Iterable<number>): this {
    for (const byte of bytes) this.parts.push(byte);
    return this;
  }
}

/** A zip archive as torch lays one out: stored members aligned to 64 bytes, sizes in data descriptors. */
export function zip(members: readonly Member[], options: ArchiveOptions = {}): Uint8Array {
  const out = new Bytes();
  if (options.prefix !== undefined) out.add(new Uint8Array(options.prefix));
  const directory = new Bytes();
  for (const member of members) {
    const headerOffset = out.length;
    const name = utf8.encode(member.localName ?? member.name);
    const crc = member.crc ?? crc32(member.bytes);
    const flags = member.flags ?? (member.isPlain ? 0x0800 : 0x0808);
    const size = member.bytes.length;
    const unpadded = headerOffset + 30 + name.length + 4;
    const padding = (64 - (unpadded % 64)) % 64;
    out.u32(0x04034b50).u16(0, member.localFlags ?? flags, member.method ?? 0, 0, 0);
    if (member.isPlain) out.u32(crc, size, size);
    else out.u32(0, 0, 0);
    out.u16(name.length, padding + 4).add(name);
    out.add([0x46, 0x42]).u16(padding).add(new Array<number>(padding).fill(0x5a));
    out.add(member.bytes);
    if (!member.isPlain) out.u32(0x08074b50, crc, size, size);
    const listed = utf8.encode(member.name);
    const sizes = [member.storedLength ?? member.byteLength ?? size, member.byteLength ?? size];
    const offset = member.headerOffset ?? headerOffset;
    directory
      .u32(0x02014b50)
      .u16(0, 0, flags, member.method ?? 0, 0, 0)
      .u32(crc);
    if (member.isZip64) directory.u32(0xffffffff, 0xffffffff);
    else directory.u32(...sizes);
    directory.u16(listed.length, member.isZip64 ? 28 : 0, 0, 0, 0).u32(0);
    directory.u32(member.isZip64 ? 0xffffffff : offset).add(listed);
    if (member.isZip64) directory.u16(1, 24).u64(sizes[1] as number, sizes[0] as number, offset);
  }
  const directoryOffset = options.directoryOffset ?? out.length;
  const directoryBytes = options.directoryBytes ?? directory.length;
  const count = options.entryCount ?? members.length;
  out.add(directory.parts);
  if (options.hasEnd64 !== false) {
    const end64Offset = out.length;
    out.u32(0x06064b50).u64(44).u16(0, 0).u32(0, 0);
    out.u64(count, count, directoryBytes, directoryOffset);
    out
      .u32(0x07064b50, 0)
      .u64(options.end64Offset ?? end64Offset)
      .u32(1);
  }
  const comment = utf8.encode(options.comment ?? "");
  out.u32(0x06054b50).u16(0, 0, count, count).u32(directoryBytes, directoryOffset);
  out.u16(comment.length).add(comment);
  return Uint8Array.from(out.parts);
}

export interface ArchiveContent {
  readonly folder?: string;
  /** Opcodes of data.pkl's object. */
  readonly object: Code;
  readonly storages?: Readonly<Record<string, Uint8Array>>;
  readonly byteOrder?: string;
  readonly version?: string;
}

export function archiveMembers(content: ArchiveContent): Member[] {
  const { folder = "model", object, storages = {}, byteOrder = "little", version = "3\n" } = content;
  return [
    { name: `${folder}/data.pkl`, bytes: pickle(object) },
    { name: `${folder}/.format_version`, bytes: utf8.encode("1") },
    { name: `${folder}/byteorder`, bytes: utf8.encode(byteOrder) },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `${folder}/data/${key}`, bytes })),
    { name: `${folder}/version`, bytes: utf8.encode(version) },
  ];
}

/** A whole torch.save file. */
export function archive(content: ArchiveContent): Uint8Array {
  return zip(archiveMembers(content));
}

export function storage(type: string, key: string, numel: number, location = "cpu"): Code {
  const [module = "torch", name = type] = type.includes(" ") ? type.split(" ") : ["torch", type];
  return persistent(tuple(str("storage"), global(module, name), str(key), str(location), int(numel)));
}

export interface View {
  readonly storage: Code;
  readonly offset?: number | bigint;
  readonly size: readonly (number | bigint)[];
  readonly stride: readonly (number | bigint)[];
  /** Element type, for `_rebuild_tensor_v3`. */
  readonly dtype?: string;
}

export function tensor(view: View): Code {
  const args = [
    view.storage,
    int(view.offset ?? 0),
    tuple(...view.size.map(int)),
    tuple(...view.stride.map(int)),
    [0x89],
    call(global("collections", "OrderedDict")),
  ];
  if (view.dtype === undefined) return call(global("torch._utils", "_rebuild_tensor_v2"), ...args);
  return call(global("torch._utils", "_rebuild_tensor_v3"), ...args, global("torch", view.dtype));
}

/** Little-endian float32 bytes. */
export function f32(...values: number[]): Uint8Array {
  return new Uint8Array(new Float32Array(values).buffer);
}

export interface LegacyContent {
  readonly object: Code;
  /** In the order of the key list; `elementBytes` divides the bytes into counted elements. */
  readonly storages: readonly {
    readonly key: string;
    readonly bytes: Uint8Array;
    readonly elementBytes: number;
  }[];
  readonly keys?: Code;
  readonly protocol?: number;
  readonly system?: Code;
}

/** A file of torch.save before 1.6. */
export function legacy(content: LegacyContent): Uint8Array {
  const out = new Bytes();
  out.add(pickle([0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]));
  out.add(pickle(int(content.protocol ?? 1001)));
  const system: Code = content.system ?? [0x7d, ...str("little_endian"), 0x88, 0x73];
  out.add(pickle(system));
  out.add(pickle(content.object));
  const keys = content.storages.flatMap(({ key }) => str(key));
  out.add(pickle(content.keys ?? [0x5d, 0x28, ...keys, 0x65]));
  for (const { bytes, elementBytes } of content.storages) out.u64(bytes.length / elementBytes).add(bytes);
  return Uint8Array.from(out.parts);
}

/** A legacy storage, whose persistent id has a sixth item. */
export function legacyStorage(type: string, key: string, numel: number, view: Code = [0x4e]): Code {
  return persistent(tuple(str("storage"), global("torch", type), str(key), str("cpu"), int(numel), view));
}

/** Code and message that opening ends with; `no error` when it does not. */
export async function messageOf(opening: Promise<unknown>): Promise<string> {
  try {
    await opening;
  } catch (error) {
    if (isTenonError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}
