import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import type { Checkpoint } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { detectLayout, layouts } from "../../../src/layouts/index.ts";
import { dict } from "../../pickle/assemble.ts";
import { fixturePath, openFixture } from "../fixtures.ts";
import { canonicalOf, groupsOf } from "./cases.ts";
import { int, list, none, parameter, record, str, TorchDraft, type Toy, toySave } from "./toy.ts";

type Files = Map<string, Uint8Array | string>;

const name = "z3-w2-exclude-frozen";
const text = (path: string): string => readFileSync(fixturePath(`zero/${name}/${path}`), "utf8");

/** The save in a folder of the given name, and files beside it. */
async function opened(folder: string, beside: Files): Promise<Checkpoint> {
  const files: Files = new Map([...beside, ["latest", folder]]);
  for (const file of readdirSync(fixturePath(`zero/${name}/global_step3`)))
    files.set(`${folder}/${file}`, readFileSync(fixturePath(`zero/${name}/global_step3/${file}`)));
  const tree = memoryTree(files);
  const { layout } = await detectLayout(tree, layouts, { formats });
  return layout.open(tree, { formats });
}

const codes = ({ observations }: Checkpoint): string[] => observations.map(({ code }) => code);

describe("a save inside the checkpoint of a trainer", () => {
  it("gives base and adapter, where the adapter's file beside it has only the adapter", async () => {
    const adapter = readFileSync(
      fixturePath("hybrid/qv/trainer-peft/checkpoint-3/adapter_model.safetensors"),
    );
    await using checkpoint = await opened(
      "global_step3",
      new Map<string, Uint8Array | string>([
        ["adapter_config.json", text("truth/adapter_config.json")],
        ["adapter_model.safetensors", adapter],
        ["trainer_state.json", '{"global_step": 3, "log_history": [{"loss": NaN}]}'],
        ["tokenizer.json", "{}"],
      ]),
    );
    expect(checkpoint.layout).toBe("zero");
    const trained = groupsOf(name).flatMap(({ names }) => names.map(canonicalOf));
    expect([...(checkpoint.optimizer?.states.keys() ?? [])].sort()).toEqual([...trained].sort());
    expect([...(checkpoint.base?.tensors.keys() ?? [])].sort()).toEqual(
      trained.filter((each) => !each.startsWith("default:")).sort(),
    );
    expect(checkpoint.base?.isComplete).toBe(false);
    expect(checkpoint.adapters.get("default")?.config?.["r"]).toBe(2);
    expect(checkpoint.trainer?.documents.get("trainer_state.json")?.["global_step"]).toBe(3);
    expect(checkpoint.companions.map(({ path }) => path)).toEqual(["tokenizer.json"]);
    expect(codes(checkpoint)).toContain("TENON_ZERO_FROZEN_LEFT_OUT");
    expect(codes(checkpoint)).toContain("TENON_WEIGHTS_PASSED_OVER");
    expect(codes(checkpoint)).not.toContain("TENON_WEIGHTS_IN_SHARDS");
    expect(codes(checkpoint)).not.toContain("TENON_NAMES_BASE_LAYER");
  });

  it("is read in accelerate's folder too", async () => {
    const scheduler = new TorchDraft();
    scheduler.entries = { last_epoch: int(3) };
    await using checkpoint = await opened(
      "pytorch_model",
      new Map<string, Uint8Array | string>([
        ["random_states_0.pkl", scheduler.bytes()],
        ["scheduler.bin", scheduler.bytes()],
      ]),
    );
    expect(checkpoint.layout).toBe("zero");
    expect(checkpoint.optimizer?.groups).toHaveLength(2);
    expect(checkpoint.trainer?.documents.get("scheduler.bin")).toEqual({ last_epoch: 3 });
  });
});

describe("what a save does not hold is observed", () => {
  it("hyper-parameters, in an elastic one", async () => {
    expect(codes(await openFixture("zero/z2-w2-elastic"))).toContain("TENON_ZERO_SETTINGS_ABSENT");
  });

  const groups = [[parameter("a.weight", [4, 3], 0)]];
  const toy = async (change: Partial<Toy>): Promise<Checkpoint> => {
    const tree = memoryTree(toySave({ stage: 2, workers: 2, groups, ...change }));
    const { layout } = await detectLayout(tree, layouts, { formats });
    return layout.open(tree, { formats });
  };

  it("frozen parameters, though nothing that is there misses them", async () => {
    const whole = await toy({});
    expect(whole.base?.isComplete).toBe(true);
    const left = await toy({
      changeModel: (draft) => {
        draft.entries["frozen_param_shapes"] = none;
        draft.entries["frozen_param_fragments"] = none;
      },
    });
    expect(left.base?.isComplete).toBe(false);
    expect(codes(left)).toContain("TENON_ZERO_FROZEN_LEFT_OUT");
  });

  it("nothing, where the trained name of a tie is the alias: its state goes to the owner", async () => {
    const [head, embedding] = ["lm_head.weight", "model.embed_tokens.weight"];
    const tied = await toy({ groups: [[parameter(head, [4, 3], 0)]], shared: { [embedding]: head } });
    expect([...(tied.base?.ties ?? [])]).toEqual([[head, embedding]]);
    expect([...(tied.optimizer?.states.keys() ?? [])]).toEqual([embedding]);
    expect(tied.optimizer?.groups.map(({ parameters }) => parameters)).toEqual([[embedding]]);
  });

  it("state of a whole flat buffer, as factored or quantised optimizers keep", async () => {
    const checkpoint = await toy({
      changeOptimizer: (draft, _, inner) => {
        const state = record({ row: draft.tensor([1, 2, 3]), step: int(7) });
        const all = [0x7d, ...int(0), ...state, 0x73];
        inner["base_optimizer_state"] = record({
          state: all,
          param_groups: list(record({ params: list(int(0)) })),
        });
      },
    });
    expect(
      checkpoint.observations.find(({ code }) => code === "TENON_ZERO_STATE_PASSED_OVER")?.names,
    ).toEqual(["row"]);
    expect([...(checkpoint.optimizer?.states.get("a.weight")?.keys() ?? [])]).toEqual(["fp32", "step"]);
  });

  it("client state that JSON has no word for", async () => {
    const checkpoint = await toy({
      changeModel: (draft) => {
        draft.entries["mine"] = record({ seen: draft.tensor([1]), epoch: int(2), note: str("x") });
      },
    });
    expect(
      checkpoint.observations.find(({ code }) => code === "TENON_ZERO_RUN_STATE_PASSED_OVER")?.names,
    ).toEqual(["mine.seen"]);
    expect(checkpoint.trainer?.documents.get("client_state.json")).toEqual({ mine: { epoch: 2, note: "x" } });
  });

  it("a schedule with numbers as keys, which JSON would make texts of", async () => {
    const checkpoint = await toy({
      changeModel: (draft) => {
        draft.entries["lr_scheduler"] = record({ milestones: dict([int(3), int(1)]), last_epoch: int(2) });
      },
    });
    const left = checkpoint.observations.find(({ code }) => code === "TENON_TRAINING_DOCUMENT_LEFT");
    expect(left).toMatchObject({ names: ["scheduler.json"], facts: { left: ["milestones.3"] } });
    expect(checkpoint.trainer?.documents.has("scheduler.json")).toBe(false);
  });
});
