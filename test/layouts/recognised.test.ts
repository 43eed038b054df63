import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { isTenonError, type UnsupportedError } from "../../src/core/index.ts";
import { formats, safetensors } from "../../src/formats/index.ts";
import { detectLayout, layouts } from "../../src/layouts/index.ts";
import { assemble } from "../contract/format.contract.ts";

function tensors(...names: string[]): Uint8Array {
  const layout = safetensors.layOut?.(
    names.map((name) => ({ name, dtype: "F32", shape: [2, 2] })),
    {},
  );
  if (layout === undefined) throw new Error("safetensors writes");
  return assemble(layout, (_, length) => new Uint8Array(length));
}

type Files = Record<string, Uint8Array | string>;

/** What each kind of checkpoint looks like from outside, and the layout that claims it. */
const kinds: readonly (readonly [name: string, what: RegExp, files: Files])[] = [
  ["gguf", /GGUF/, { "model-Q4_K_M.gguf": "GGUF\u0003\0\0\0" }],
  ["kohya", /kohya/, { "style.safetensors": tensors("lora_unet_down_blocks_0.lora_down.weight") }],
];

describe("a checkpoint that cannot be read yet", () => {
  for (const [name, what, files] of kinds) {
    it(`is refused by its name: ${name}, from ${Object.keys(files).join(" and ")}`, async () => {
      const tree = memoryTree(new Map(Object.entries(files)));
      const { layout } = await detectLayout(tree, layouts, { formats });
      expect(layout.name).toBe(name);
      expect({ canRead: layout.canRead, canWrite: layout.canWrite }).toEqual({
        canRead: false,
        canWrite: false,
      });
      const error = await layout.open(tree, { formats }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toSatisfy(isTenonError);
      expect((error as UnsupportedError).code).toBe("TENON_LAYOUT_NOT_YET");
      expect((error as UnsupportedError).exitCode).toBe(4);
      expect((error as UnsupportedError).message).toMatch(what);
      expect((error as UnsupportedError).hint).toMatch(/\w/);
    });
  }

  it("is not seen where there is an ordinary model", async () => {
    const files = {
      "model.safetensors": tensors("model.norm.weight"),
      "config.json": '{"model_type": "llama"}',
    };
    expect((await detectLayout(memoryTree(new Map(Object.entries(files))), layouts)).layout.name).toBe("hf");
  });

  it("is named among the reasons when nothing fits", async () => {
    const detecting = detectLayout(memoryTree(new Map([["notes.txt", "hello"]])), layouts);
    await expect(detecting).rejects.toMatchObject({
      code: "TENON_LAYOUT_UNKNOWN",
      details: {
        candidates: expect.arrayContaining([expect.objectContaining({ layout: "gguf", match: "no" })]),
      },
    });
  });
});
