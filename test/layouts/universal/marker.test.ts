import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import type { Checkpoint, Draft, OutputFile } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { type Layout, universal } from "../../../src/layouts/index.ts";
import { PickleMap } from "../../../src/pickle/index.ts";
import { kept, writeDraft } from "../../contract/layout.contract.ts";

const shape = [2, 2];
const adam = new Map(["exp_avg", "exp_avg_sq"].map((state) => [state, kept(state, shape)]));
const draft: Draft = {
  base: { tensors: new Map([["a.weight", kept("a", shape)]]), isComplete: true, ties: new Map() },
  adapters: [],
  optimizer: {
    states: new Map([["a.weight", adam.set("step", kept("step", []))]]),
    groups: [{ parameters: ["a.weight"], settings: { lr: 0.5 } }],
  },
  trainer: { documents: new Map([["rng_state.pth", { cpu: "abc" }]]) },
  companions: [],
  origin: {},
};

/** Opens what is written of the draft with another note in it. */
async function openWith(change: (note: string, model: PickleMap) => unknown): Promise<Checkpoint> {
  const other = (file: OutputFile): OutputFile => {
    const [model] = file.kind === "tensors" ? (file.objects ?? []) : [];
    if (model instanceof PickleMap && model.has("tenon"))
      model.set("tenon", change(String(model.get("tenon")), model) as string);
    return file;
  };
  const layout: Layout = {
    ...universal,
    arrange: async (each, options) => ((await universal.arrange?.(each, options)) ?? []).map(other),
  };
  return universal.open(memoryTree(await writeDraft(layout, draft)), { formats });
}

describe("tenon's note in a universal checkpoint", () => {
  it("gives documents back that DeepSpeed does not keep", async () => {
    await using checkpoint = await openWith((note) => note);
    expect(checkpoint.base?.isComplete).toBe(true);
    expect(checkpoint.trainer?.documents.get("rng_state.pth")).toEqual({ cpu: "abc" });
  });

  it.each([
    ["of no text", () => 7, "it is no text"],
    ["of another version", (note: string) => note.replace(/"version": ?1/, '"version": 2'), "version"],
    ["with more in it", (note: string) => note.replace("{", '{"more": 1, '), "more"],
  ])("is refused, %s", async (_, change, message) => {
    await expect(openWith(change)).rejects.toMatchObject({
      code: "TENON_UNIVERSAL_MARKER",
      message: expect.stringContaining(message),
    });
  });

  it("does not count when it came with an earlier save", async () => {
    await using checkpoint = await openWith((note, model) => {
      model.set("global_steps", 9);
      return note;
    });
    expect(checkpoint.base?.isComplete).toBe(false);
    expect(checkpoint.trainer?.documents.has("rng_state.pth")).toBe(false);
  });

  it("must name each parameter", async () => {
    const opened = openWith((note) => note.replace(/"a.weight": ?"a.weight"/, '"b": "b"'));
    await expect(opened).rejects.toMatchObject({ code: "TENON_UNIVERSAL_PARAMETERS" });
  });

  it("names no folder outside", async () => {
    const opened = openWith((note) => note.replace(/"adapters": ?\[\]/, '"adapters": ["../up"]'));
    await expect(opened).rejects.toMatchObject({ code: "TENON_PATH_UNSAFE" });
  });
});
