import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openFile } from "../../src/bytes/node/index.ts";
import type { Checkpoint, Tensor } from "../../src/core/index.ts";
import { openTorch, verifyChecksums } from "../../src/formats/index.ts";
import { fixture, tenon } from "./tenon.ts";

const directory = mkdtempSync(join(tmpdir(), "tenon-torch-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function bytesOf(tensor: Tensor | undefined): Promise<Uint8Array> {
  if (tensor === undefined) throw new Error("no tensor");
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return bytes;
}

async function expectSame(out: Checkpoint, source: Checkpoint): Promise<void> {
  expect([...(out.base?.tensors.keys() ?? [])].sort()).toEqual(
    [...(source.base?.tensors.keys() ?? [])].sort(),
  );
  for (const [name, tensor] of source.base?.tensors ?? [])
    expect(await bytesOf(out.base?.tensors.get(name)), name).toEqual(await bytesOf(tensor));
  for (const [name, adapter] of source.adapters)
    for (const [path, { loraA, loraB }] of adapter.modules) {
      const there = out.adapters.get(name)?.modules.get(path);
      expect(await bytesOf(there?.loraA)).toEqual(await bytesOf(loraA));
      expect(await bytesOf(there?.loraB)).toEqual(await bytesOf(loraB));
    }
}

const outputs = [
  { name: "hybrid.pt", source: "hybrid/qv/state-dict-safetensors" },
  { name: "tied.bin", source: "hybrid/tied-bf16/truth/base" },
  { name: "base.pth", source: "base/llama-small-bf16" },
];

describe("a state dict that is written for torch.load", () => {
  it.each(outputs)("is one file with every bit and every checksum: $name", async ({ name, source }) => {
    for (const threads of [1, 2]) {
      const output = join(directory, `${threads}-${name}`);
      await tenon.convert(fixture(source), { to: "state-dict", output, threads });
      const file = await openFile(output, { path: name, location: output });
      const { checkedMembers, problems } = await verifyChecksums(file);
      expect(problems).toEqual([]);
      expect(checkedMembers).toBeGreaterThan(10);
      await file.close();
      await using written = await tenon.open(output);
      await using given = await tenon.open(fixture(source));
      await expectSame(written, given);
    }
  });

  it("has a tied weight under both of its names, on one storage", async () => {
    const output = join(directory, "both.pt");
    await tenon.convert(fixture("hybrid/tied-bf16/truth/base"), { to: "state-dict", output });
    const file = await openFile(output, { path: "both.pt", location: output });
    const { tensors } = await openTorch(file);
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const head = byName.get("lm_head.weight");
    expect(head?.storage).toBeDefined();
    expect(head?.storage).toBe(byName.get("model.embed_tokens.weight")?.storage);
    await file.close();
    expect(readdirSync(directory)).toContain("both.pt");
  });
});
