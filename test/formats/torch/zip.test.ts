import { describe, expect, it } from "vitest";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { openTorch, verifyChecksums } from "../../../src/formats/index.ts";
import { bytesOf, sourceOf } from "../../contract/format.contract.ts";
import { none, pickle, record } from "../../pickle/assemble.ts";
import {
  type ArchiveOptions,
  archive,
  archiveMembers,
  f32,
  type Member,
  messageOf,
  storage,
  tensor,
  zip,
} from "./archive.ts";

const w = tensor({ storage: storage("FloatStorage", "0", 4), size: [2, 2], stride: [2, 1] });
const content = { object: record({ w }), storages: { "0": f32(1, 2, 3, 4) } };

const open = async (members: readonly Member[], options: ArchiveOptions = {}) =>
  openTorch(await sourceOf(zip(members, options), "a.pt"));

/** Members of a sound archive with one of them changed. */
const changed = (name: string, change: Partial<Member>): Member[] =>
  archiveMembers(content).map((member) => (member.name === name ? { ...member, ...change } : member));

describe("crc32", () => {
  it("is that of zip, in one piece or several", () => {
    const bytes = new TextEncoder().encode("123456789, the quick brown fox");
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(crc32(bytes));
  });
});

describe("zip archives", () => {
  it("open with 64-bit records or without, with a comment, plain headers, zip64 entries", async () => {
    for (const options of [
      {},
      { hasEnd64: false },
      { comment: "hello" },
      { comment: "PK\u0005\u0006".repeat(5) },
    ]) {
      for (const extra of [{}, { isPlain: true }, { isZip64: true }]) {
        const members = archiveMembers(content).map((member) => ({ ...member, ...extra }));
        const { tensors } = await open(members, options);
        expect([...(await bytesOf(tensors[0]!))]).toEqual([...f32(1, 2, 3, 4)]);
      }
    }
  });

  it("take the folder from the member that is data.pkl", async () => {
    for (const folder of ["archive", "mp_rank_00_model_states", "mödel v2"]) {
      const { tensors } = await openTorch(await sourceOf(archive({ ...content, folder })));
      expect(tensors.map(({ name }) => name)).toEqual(["w"]);
    }
  });

  it("open when old: no byteorder, no format version", async () => {
    const members = archiveMembers(content).filter(({ name }) => !/byteorder|format_version/.test(name));
    expect((await open(members)).tensors).toHaveLength(1);
  });

  it("say how many data.pkl members there are when it is not one", async () => {
    const members = archiveMembers(content);
    expect(await messageOf(open(members.slice(1)))).toContain("not a torch.save archive: 0 data.pkl members");
    const two = [...members, { name: "other/data.pkl", bytes: pickle(none) }];
    expect(await messageOf(open(two))).toContain("not a torch.save archive: 2 data.pkl members");
  });

  it("refuse compressed and encrypted members by name", async () => {
    expect(await messageOf(open(changed("model/data/0", { method: 8 })))).toContain(
      'member "model/data/0" uses compression 8; torch.save stores uncompressed',
    );
    expect(await messageOf(open(changed("model/data/0", { flags: 0x0809 })))).toContain("is encrypted");
  });

  it("refuse TorchScript and unknown versions", async () => {
    const script = [...archiveMembers(content), { name: "model/constants.pkl", bytes: pickle(none) }];
    expect(await messageOf(open(script))).toContain("TENON_TORCH_SCRIPT");
    for (const version of ["11", "x", "", "3".repeat(100)])
      expect(await messageOf(openTorch(await sourceOf(archive({ ...content, version }))))).toContain(
        "TENON_TORCH_VERSION",
      );
  });

  it("quote a byte order that is neither little nor big", async () => {
    const file = archive({ ...content, byteOrder: "middle" });
    expect(await messageOf(openTorch(await sourceOf(file)))).toContain(
      'TENON_TORCH_BYTE_ORDER torch: byte order "middle"',
    );
  });

  it("check the CRC of data.pkl at once and of storages on request", async () => {
    expect(await messageOf(open(changed("model/data.pkl", { crc: 1 })))).toContain(
      "model/data.pkl: checksum mismatch, the file is damaged",
    );
    const damaged = await sourceOf(zip(changed("model/data/0", { crc: 1 })));
    expect((await openTorch(damaged)).tensors).toHaveLength(1);
    let read = 0;
    const { problems } = await verifyChecksums(damaged, {
      onBytes: (bytes) => {
        read += bytes;
      },
    });
    expect(problems).toEqual([{ member: "model/data/0", expected: 1, found: crc32(f32(1, 2, 3, 4)) }]);
    expect(read).toBe(archiveMembers(content).reduce((sum, { bytes }) => sum + bytes.length, 0));
    expect((await verifyChecksums(await sourceOf(archive(content)))).problems).toEqual([]);
  });

  it("find the file inside a larger one", async () => {
    const file = archive(content);
    const larger = new Uint8Array(file.length + 300);
    larger.set(file, 100);
    const opened = await openTorch(await sourceOf(larger), { byteOffset: 100, byteLength: file.length });
    const [first] = opened.tensors;
    expect([...(await bytesOf(first!))]).toEqual([...f32(1, 2, 3, 4)]);
    expect(
      await messageOf(openTorch(await sourceOf(larger), { byteOffset: 100, byteLength: 999_999 })),
    ).toContain("TENON_TORCH_WINDOW");
  });
});
