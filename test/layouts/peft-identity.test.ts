import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Checkpoint, Draft, Entry, Recipe } from "../../src/core/index.ts";
import { safetensors } from "../../src/formats/index.ts";
import { arrangePeft } from "../../src/layouts/peft/write.ts";
import { arrangeTenon } from "../../src/layouts/tenon/write.ts";
import { bytesOf, fixturePath, openFixture } from "./fixtures.ts";

/** PEFT directories of the fixtures, written by PEFT's own save_pretrained. */
const directories = readdirSync(fixturePath("merge"))
  .map((name) => `merge/${name}/adapter`)
  .filter((path) => existsSync(fixturePath(`${path}/adapter_model.safetensors`)));

function keep({ tensor, meaning }: Entry): { meaning: Entry["meaning"]; recipe: Recipe } {
  return { meaning, recipe: { source: tensor, dtype: tensor.dtype, shape: tensor.shape, steps: [] } };
}

/** What PEFT leaves behind of saved modules with bias="all": named like them, with the adapter's name lost. */
function isStray({ meaning: { role, adapter } }: Entry): boolean {
  return role === "originalModule" || (role === "modulesToSave" && adapter === undefined);
}

function draftOf(checkpoint: Checkpoint): Draft {
  const adapters = [...checkpoint.adapters.values()].map(({ name, config = {}, entries }) => ({
    name,
    config,
    parameters: entries.filter((entry) => !isStray(entry)).map(keep),
  }));
  return { adapters, companions: [], origin: {} };
}

/** The files that a layout makes of a draft, by path, with the bytes of the source's tensors. */
async function contentsOf(
  files: ReturnType<typeof arrangePeft>,
  checkpoint: Checkpoint,
): Promise<Map<string, Buffer>> {
  const byId = new Map(checkpoint.entries.map(({ tensor }) => [tensor.id, tensor]));
  const contents = new Map<string, Buffer>();
  for (const file of files) {
    if (file.kind === "text") contents.set(file.path, Buffer.from(file.text));
    if (file.kind !== "tensors") continue;
    const entries = file.entries.map(({ name, recipe: { dtype, shape } }) => ({ name, dtype, shape }));
    const layout = safetensors.layOut?.(entries, file.metadata);
    if (layout === undefined) throw new Error("safetensors writes");
    const bytes = Buffer.alloc(layout.byteLength);
    for (const { byteOffset, bytes: fixed } of layout.fixed) bytes.set(fixed, byteOffset);
    for (const { name, byteOffset } of layout.tensors) {
      const recipe = file.entries.find((entry) => entry.name === name)?.recipe;
      bytes.set(await bytesOf(byId.get(recipe?.source.id ?? "")), byteOffset);
    }
    contents.set(file.path, bytes);
  }
  return contents;
}

describe("a PEFT directory that goes through", () => {
  it("is there to be tried, in many kinds", () => {
    expect(directories.length).toBeGreaterThan(20);
  });

  for (const directory of directories) {
    it(`is written as PEFT wrote it, byte for byte: ${directory}`, async () => {
      await using checkpoint = await openFixture(directory);
      expect(checkpoint.layout).toBe("peft");
      const draft = draftOf(checkpoint);
      const written = await contentsOf(arrangePeft(draft), checkpoint);
      const sources = checkpoint.files
        .map(({ path }) => path)
        .filter((path) => /adapter_(config|model)\./.test(path));
      expect([...written.keys()].sort()).toEqual([...sources].sort());
      const hasStrays = checkpoint.entries.some(isStray);
      expect(hasStrays).toBe(checkpoint.observations.some(({ code }) => code === "TENON_NAMES_STRAY_BIAS"));
      for (const [path, bytes] of written) {
        const source = readFileSync(fixturePath(`${directory}/${path}`));
        if (path.endsWith(".json")) expect(bytes.toString(), path).toBe(source.toString());
        else if (!hasStrays) expect(Buffer.compare(bytes, source), path).toBe(0);
      }
      const inside = await contentsOf(arrangeTenon(draft, {}), checkpoint);
      for (const [path, bytes] of written) {
        const place = path.includes("/") ? `adapters/${path}` : `adapters/default/${path}`;
        expect(Buffer.compare(inside.get(place) as Buffer, bytes), place).toBe(0);
      }
    });
  }
});
