import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import type { ConvertOptions } from "../../src/verbs/index.ts";
import { convertInMemory, filesAt, refusalOf, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

interface Refusal {
  readonly source: string;
  readonly to: string;
  readonly options?: Partial<ConvertOptions>;
  readonly code: string;
  readonly exitCode: number;
  readonly says: string;
}

const live = "hybrid/qv/state-dict-with-config";
const trainer = "hybrid/qv/trainer-peft/checkpoint-3";
const written = "tenon, trainer, accelerate, peft-hybrid, peft, hf, state-dict, universal, dcp";

const refusals: readonly Refusal[] = [
  { source: live, to: "hf", code: "TENON_LAYOUT_CANNOT_HOLD", exitCode: 1, says: "default" },
  { source: live, to: "peft", code: "TENON_LAYOUT_CANNOT_HOLD", exitCode: 1, says: "21" },
  { source: "hybrid/qv/base", to: "peft", code: "TENON_LAYOUT_CANNOT_HOLD", exitCode: 1, says: "21" },
  {
    source: "hybrid/qv/base",
    to: "peft-hybrid",
    code: "TENON_LAYOUT_NEEDS_ADAPTER",
    exitCode: 1,
    says: "hf",
  },
  {
    source: "hybrid/qv/state-dict-pt/model.pt",
    to: "peft-hybrid",
    code: "TENON_LAYOUT_NEEDS_ADAPTER_CONFIG",
    exitCode: 1,
    says: "--adapter-config FILE",
  },
  {
    source: live,
    to: "hf",
    options: { drop: ["adapters"] },
    code: "TENON_MODEL_CONFIG_MISSING",
    exitCode: 1,
    says: "--base DIR",
  },
  {
    source: "damaged/whole/adapter",
    to: "hf",
    options: { drop: ["adapters"] },
    code: "TENON_LAYOUT_NEEDS_WHOLE_BASE",
    exitCode: 1,
    says: "--base DIR",
  },
  {
    source: trainer,
    to: "peft",
    code: "TENON_LAYOUT_CANNOT_HOLD",
    exitCode: 1,
    says: "--drop optimizer --drop trainer",
  },
  {
    source: trainer,
    to: "peft",
    options: { drop: ["optimizer"] },
    code: "TENON_LAYOUT_CANNOT_HOLD",
    exitCode: 1,
    says: "--drop trainer",
  },
  { source: trainer, to: "tenon", code: "TENON_OPTIMIZER_UNNAMED", exitCode: 1, says: "running numbers" },
  ...["gguf", "mlx", "kohya", "zero"].map((to) => ({
    source: live,
    to,
    code: "TENON_LAYOUT_CANNOT_WRITE",
    exitCode: 4,
    says: written,
  })),
  ...["tenon", "state-dict", "dcp"].map((to) => ({
    source: live,
    to,
    options: { drop: ["base", "adapters"] },
    code: "TENON_CONVERSION_EMPTY",
    exitCode: 1,
    says: "is left to write",
  })),
  { source: live, to: "onnx", code: "TENON_LAYOUT_NOT_KNOWN", exitCode: 2, says: written },
];

describe("a conversion that would lose something", () => {
  for (const { source, to, options = {}, code, exitCode, says } of refusals) {
    const dropped = options.drop === undefined ? "" : ` without ${options.drop.join(", ")}`;
    it(`is refused with ${code}: ${source} to ${to}${dropped}`, async () => {
      const output = memorySink();
      const run = tenon.convert(fixture(source), { output, to, ...options });
      const found = await refusalOf(run);
      expect(found).toMatchObject({ code, exitCode });
      expect(`${(found as unknown as Error).message} ${found.hint}`).toContain(says);
      expect(output.files.size).toBe(0);
    });
  }

  it("names both, when optimizer and trainer have no place", async () => {
    const found = await refusalOf(convertInMemory(fixture(trainer), "peft"));
    expect(found.details["lost"]).toEqual([
      "optimizer state of 29 parameters (optimizer.pt)",
      "trainer state (trainer_state.json, rng_state.pth, scheduler.pt)",
    ]);
    const { files } = await convertInMemory(fixture(trainer), "peft", { drop: ["optimizer", "trainer"] });
    const adapter = filesAt("hybrid/qv/truth/adapter").get("adapter_model.safetensors");
    expect(files.get("adapter_model.safetensors")).toEqual(adapter);
  });

  it("is refused where part of a base stands on nothing that is named", async () => {
    const hybrid = await convertInMemory(fixture(live), "peft-hybrid", { base: fixture("hybrid/qv/base") });
    const config = JSON.parse(new TextDecoder().decode(hybrid.files.get("adapter_config.json"))) as object;
    const nameless = JSON.stringify({ ...config, base_model_name_or_path: null });
    const files = new Map(hybrid.files).set("adapter_config.json", new TextEncoder().encode(nameless));
    const found = await refusalOf(splitInMemory(memoryTree(files)));
    expect(found).toMatchObject({ code: "TENON_BASE_UNNAMED", exitCode: 1 });
    const given = await splitInMemory(memoryTree(files), { base: fixture("hybrid/qv/base") });
    // Every parameter of it was trained, so against its base it turns out to be a whole model.
    expect(given.report.base).toMatchObject({ tensors: 21, isComplete: true, reference: null });
  });

  it("is refused where two adapters carry one parameter of the base", async () => {
    const options = { base: fixture("hybrid/qv/base") };
    const { files } = await convertInMemory(fixture(live), "peft-hybrid", options);
    const both = new Map(
      [...files].flatMap(
        ([path, bytes]) =>
          [
            [path, bytes],
            [`second/${path}`, bytes],
          ] as const,
      ),
    );
    const source = (): ReturnType<typeof memoryTree> => memoryTree(both);
    // The layout reads the base of peft-hybrid as one; read as plain PEFT, each adapter has its own.
    const found = await refusalOf(splitInMemory(source(), { layout: "peft" }));
    expect(found).toMatchObject({ code: "TENON_BASE_CARRIED_TWICE", exitCode: 1 });
    const one = await splitInMemory(source(), { layout: "peft", drop: ["adapter:second"] });
    expect(one.report.adapters.map(({ name }) => name)).toEqual(["default"]);
  });
});
