// `exclude_frozen_parameters`, as the Trainer saves a PEFT model. DeepSpeed goes by named_parameters(), which lists a tied
// parameter once: its other name stays in `module`, in stage 3 as a placeholder.
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import type { Checkpoint } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { zero } from "../../../src/layouts/index.ts";
import { none, type Parameter, parameter, record, type Toy, toySave } from "./toy.ts";

const attention = "base_model.model.model.layers.0.self_attn.q_proj";
const embedding = parameter("base_model.model.model.embed_tokens.weight", [4, 2], 500);
const head = "base_model.model.lm_head.weight";
const norm = parameter("base_model.model.model.norm.weight", [2], 200);
const lora = [
  parameter(`${attention}.lora_A.default.weight`, [1, 2], 0),
  parameter(`${attention}.lora_B.default.weight`, [2, 1], 10),
];
const wrapped = parameter(`${attention}.base_layer.weight`, [2, 2], 20);

/** A save whose frozen parameters are nowhere, but for what `module` holds under these names. */
function open(stage: 1 | 2 | 3, trained: readonly Parameter[], kept: readonly string[]): Promise<Checkpoint> {
  const changeModel: Toy["changeModel"] = (draft) => {
    const tensors = [...trained, ...kept.map((name) => ({ ...embedding, name }))].map(
      ({ name, values, shape }) =>
        [name, stage === 3 ? draft.tensor([], [0]) : draft.tensor(values, shape)] as const,
    );
    draft.entries["module"] = record(Object.fromEntries(tensors));
    draft.entries["frozen_param_shapes"] = none;
    draft.entries["frozen_param_fragments"] = none;
  };
  const files = toySave({
    stage,
    workers: 2,
    groups: [trained],
    shared: { [head]: embedding.name },
    changeModel,
  });
  return zero.open(memoryTree(files), { formats });
}

const leftOut = ({ observations }: Checkpoint): boolean =>
  observations.some(({ code }) => code === "TENON_ZERO_FROZEN_LEFT_OUT");

describe("a save without frozen parameters", () => {
  it.each([1, 2] as const)(
    "has tied embeddings by the name that is left of them (stage %i)",
    async (stage) => {
      await using checkpoint = await open(stage, [norm, ...lora], [head]);
      const { base } = checkpoint;
      expect([...(base?.tensors.keys() ?? [])].sort()).toEqual([
        "model.embed_tokens.weight",
        "model.norm.weight",
      ]);
      expect(base?.ties).toEqual(new Map([["lm_head.weight", "model.embed_tokens.weight"]]));
      const bytes = new Uint8Array(32);
      await base?.tensors.get("model.embed_tokens.weight")?.read(0, bytes);
      expect([...new Float32Array(bytes.buffer)]).toEqual(embedding.values);
      expect(base?.isComplete).toBe(false);
      expect(leftOut(checkpoint)).toBe(true);
    },
  );

  it.each([
    [1, []],
    [2, []],
    [3, []],
    [3, [head]],
  ] as const)(
    "lacks tied embeddings that are nowhere (stage %i, module has %j of them)",
    async (stage, kept) => {
      await using checkpoint = await open(stage, [norm, ...lora, wrapped], kept);
      expect([...(checkpoint.base?.tensors.keys() ?? [])].sort()).toEqual([
        "model.layers.0.self_attn.q_proj.weight",
        "model.norm.weight",
      ]);
      // Nothing but the tie tells it in stage 1.
      expect(checkpoint.base?.isComplete).toBe(false);
      expect(leftOut(checkpoint)).toBe(true);
    },
  );

  it("of stage 1, which lists none, shows where LoRA lies over nothing", async () => {
    const groups = [[norm, ...lora]];
    await using lacking = await zero.open(memoryTree(toySave({ stage: 1, workers: 2, groups })), { formats });
    expect(leftOut(lacking)).toBe(true);
    const whole = toySave({ stage: 1, workers: 2, groups, frozen: [wrapped] });
    await using complete = await zero.open(memoryTree(whole), { formats });
    expect(leftOut(complete)).toBe(false);
    expect(complete.base?.isComplete).toBe(true);
  });
});
