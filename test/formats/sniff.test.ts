import { describe, expect, it } from "vitest";
import { type Format, openTensorFile, safetensors, sniffFormat } from "../../src/formats/index.ts";
import { sourceOf } from "../contract/format.contract.ts";
import { entry, fileOf } from "./safetensors/file.ts";

const file = fileOf(`{${entry("a", "U8", [1], 0, 1)}}`, 1);
/** A format of a user's own, for files that begin with `MINE`. */
const mine: Format = {
  name: "mine",
  canWrite: false,
  sniff: (head) => Buffer.from(head.subarray(0, 4)).toString() === "MINE",
  open: async () => ({ format: "mine", tensors: [], metadata: {} }),
};

describe("opening a file by its bytes", () => {
  it("takes the one format that claims it, whatever its name", async () => {
    expect((await openTensorFile(await sourceOf(file, "weights.dat"), [mine, safetensors])).format).toBe(
      "safetensors",
    );
    expect((await openTensorFile(await sourceOf(Buffer.from("MINE"), "x"), [mine, safetensors])).format).toBe(
      "mine",
    );
  });

  it("lets the format say what is wrong with a damaged file of its name", async () => {
    await expect(
      openTensorFile(await sourceOf(new Uint8Array(0), "a.safetensors"), [mine, safetensors]),
    ).rejects.toMatchObject({
      code: "TENON_SAFETENSORS_EMPTY",
    });
  });

  it.each([
    ["a zip file", "PK\u0003\u0004aaaaaaaaaa"],
    ["a pickle", "\u0080\u0002aaaaaaaaaa"],
    ["GGUF", "GGUFaaaaaaaaaa"],
  ])("does not take %s for safetensors because of its name", async (_, head) => {
    const source = await sourceOf(Buffer.from(head, "latin1"), "model.safetensors");
    await expect(sniffFormat(source, [safetensors])).rejects.toMatchObject({ code: "TENON_FORMAT_UNKNOWN" });
  });

  it("fails with every format's verdict and the first bytes when none matches", async () => {
    const source = await sourceOf(Buffer.from("hello"), "notes.txt");
    await expect(sniffFormat(source, [mine, safetensors])).rejects.toMatchObject({
      name: "UnsupportedError",
      code: "TENON_FORMAT_UNKNOWN",
      details: { evidence: ["mine: no", "safetensors: no"] },
      message: expect.stringMatching(/68 65 6c 6c 6f; mine: no, safetensors: no \(notes\.txt\)$/),
    });
  });

  it("fails when two match", async () => {
    const greedy: Format = { ...mine, name: "greedy", sniff: () => true };
    await expect(sniffFormat(await sourceOf(file), [greedy, safetensors])).rejects.toMatchObject({
      name: "UnsupportedError",
      code: "TENON_FORMAT_AMBIGUOUS",
      details: { evidence: ["greedy: yes", "safetensors: yes"] },
    });
  });

  it("knows a git-lfs pointer", async () => {
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n";
    await expect(
      sniffFormat(await sourceOf(Buffer.from(pointer), "model.safetensors"), [safetensors]),
    ).rejects.toMatchObject({
      name: "FormatError",
      code: "TENON_FORMAT_LFS_POINTER",
      hint: "Run: git lfs pull",
    });
  });
});
