// Stage 0: the model file has the optimizer, whole, by running numbers.
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import { type Checkpoint, isTenonError, type Tensor } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { zero } from "../../../src/layouts/index.ts";
import type { Code } from "../../pickle/assemble.ts";
import { openFixture } from "../fixtures.ts";
import { canonicalOf, groupsOf, stateOf, weightsIn } from "./cases.ts";
import { dict, int, list, none, record, TorchDraft } from "./toy.ts";

const name = "z0-w2-bf16";
const order = groupsOf(name).flatMap(({ names }) => names);

async function codesOf(tensor: Tensor | undefined): Promise<Uint16Array> {
  const bytes = new Uint8Array(tensor?.byteLength ?? 0);
  await tensor?.read(0, bytes);
  return new Uint16Array(bytes.buffer);
}

/** F32 to the nearest BF16, ties to even: its upper half. */
async function rounded(master: Tensor): Promise<Uint16Array> {
  const words = new Uint32Array((await codesOf(master)).buffer);
  return Uint16Array.from(words, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
}

describe("the optimizer of a save without ZeRO", () => {
  it("is named as far as order and shapes prove it, and says what is open", async () => {
    await using checkpoint = await openFixture(`zero/${name}`);
    const { naming, groups, states } = checkpoint.optimizer ?? {};
    expect(naming?.order).toContain("the order of the state dict");
    expect(naming?.obstacle).toBe(
      "number 5 may be model.layers.0.mlp.gate_proj.weight or model.layers.0.mlp.up_proj.weight, by its shape and its place",
    );
    // Of two parameters of one shape, one of which is frozen, nothing tells which.
    const found = groups?.flatMap(({ parameters }) => parameters) ?? [];
    expect(
      found.map((each, at) => (/^\d+$/.test(each) ? order[at] : each)).map((each) => canonicalOf(each ?? "")),
    ).toEqual(order.map(canonicalOf));
    expect(found.filter((each) => /^\d+$/.test(each))).toEqual(["5", "11"]);
    expect([...(states?.get("default:model.layers.0.self_attn.q_proj.lora_A")?.keys() ?? [])]).toEqual([
      "fp32",
      "step",
      "exp_avg",
      "exp_avg_sq",
    ]);
    expect(checkpoint.observations.map(({ code }) => code)).not.toContain("TENON_ZERO_OPTIMIZER_UNNAMED");
    expect(checkpoint.trainer?.documents.get("deepspeed.json")).toMatchObject({
      dynamic_loss_scale: false,
      loss_scale: { cur_scale: 1, cur_iter: 3 },
    });
  });

  it("with the order that was given, has the masters that the weights were rounded from", async () => {
    await using checkpoint = await openFixture(`zero/${name}`, { paramOrder: order });
    const weights = weightsIn(checkpoint);
    const masters = stateOf(checkpoint, "fp32");
    expect([...masters.keys()].sort()).toEqual(order.map(canonicalOf).sort());
    for (const [each, master] of masters)
      expect(await rounded(master), each).toEqual(await codesOf(weights.get(each)));
  });

  const open = (optimizer: (draft: TorchDraft) => Code): Promise<Checkpoint> => {
    const draft = new TorchDraft();
    draft.entries = {
      module: record({ "a.weight": draft.tensor([1, 2, 3, 4], [2, 2]), "b.bias": draft.tensor([5, 6]) }),
      optimizer: optimizer(draft),
      param_shapes: none,
      global_steps: int(3),
    };
    return zero.open(memoryTree(new Map([["mp_rank_00_model_states.pt", draft.bytes()]])), { formats });
  };
  const inner = (draft: TorchDraft): Code =>
    record({
      state: dict(
        [int(0), record({ exp_avg: draft.tensor([7, 8, 9, 10], [2, 2]) })],
        [int(1), record({ exp_avg: draft.tensor([11, 12]) })],
      ),
      param_groups: list(record({ lr: int(1), params: list(int(0), int(1)) })),
    });

  it("is torch's own state dict for fp32", async () => {
    await using checkpoint = await open(inner);
    expect([...stateOf(checkpoint, "exp_avg").keys()]).toEqual(["a.weight", "b.bias"]);
    expect(checkpoint.optimizer?.naming?.obstacle).toBeUndefined();
  });

  it("is named by its masters before the first step", async () => {
    await using checkpoint = await open((draft) =>
      record({
        cur_scale: int(1),
        optimizer_state_dict: record({
          state: dict(),
          param_groups: list(record({ lr: int(1), params: list(int(0)) })),
        }),
        fp32_groups: list(list(draft.tensor([1, 2]))),
      }),
    );
    expect([...stateOf(checkpoint, "fp32").keys()]).toEqual(["b.bias"]);
  });

  it("of fused kernels keeps flat buffers, which nothing names", async () => {
    await using checkpoint = await open((draft) =>
      record({ optimizer_state_dict: inner(draft), fp32_groups_flat: list(draft.tensor([1, 2, 3])) }),
    );
    expect(checkpoint.optimizer).toBeUndefined();
    expect(checkpoint.observations.map(({ code }) => code)).toContain("TENON_ZERO_OPTIMIZER_UNNAMED");
  });

  it.each([
    [
      "a master is missing",
      (draft: TorchDraft) => list(list(draft.tensor([1, 2, 3, 4], [2, 2]))),
      /fp32_groups\[0\]\[1\]/,
    ],
    [
      "a master is too many",
      (draft: TorchDraft) => list(list(draft.tensor([1]), draft.tensor([2]), draft.tensor([3]))),
      /number of masters in optimizer.fp32_groups is 3, 2/,
    ],
    ["there are none", () => none, /fp32_groups is nothing/],
  ] as const)("is refused when %s", async (_, masters, message) => {
    const error = await open((draft) =>
      record({ optimizer_state_dict: inner(draft), fp32_groups: masters(draft) }),
    ).catch((reason: unknown) => reason);
    expect(isTenonError(error) && error.code).toBe("TENON_ZERO_MALFORMED");
    expect((error as Error).message).toMatch(message);
  });
});
