import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Checkpoint, OptimizerComponent } from "../../src/core/index.ts";
import type { OpenOptions } from "../../src/layouts/index.ts";
import { fixturePath, openFixture } from "./fixtures.ts";

/** Names that the live optimizer's parameters had, in the order of their numbers. */
function recorded(path: string): readonly string[] {
  return JSON.parse(readFileSync(fixturePath(path), "utf8")) as readonly string[];
}

const hybridNames = JSON.parse(readFileSync(fixturePath("optimizer/hybrid-names.json"), "utf8")) as Readonly<
  Record<string, readonly string[]>
>;

/** A live PeftModel's name as tenon calls it. */
function canonical(live: string): string {
  const name = live.replace(/^base_model\.model\.|\.base_layer|\.original_module/g, "");
  const saved = name.replace(".modules_to_save.default", "");
  if (saved !== name) return `default:${saved}`;
  const lora = /^(.+\.lora_[AB])\.default\.weight$/.exec(name);
  return lora === null ? name : `default:${lora[1]}`;
}

const states = ({ optimizer }: Checkpoint): OptimizerComponent => optimizer as OptimizerComponent;
const counted = ({ groups }: OptimizerComponent): readonly string[] =>
  groups.flatMap(({ parameters }) => parameters);

/** Options of a base that was given apart. */
async function standingOn(
  path: string,
  use: (options: Partial<OpenOptions>) => Promise<void>,
): Promise<void> {
  await using checkpoint = await openFixture(path);
  const { base } = checkpoint;
  if (base === undefined) throw new Error("no base");
  await use({ knownBase: base, knownBaseNames: new Set(base.tensors.keys()) });
}

const whole = [
  "saved-head",
  "one-base",
  "param-names",
  "all-counted",
  "decayed-norms",
  "lora-plus",
  "torch-order",
];

describe("the numbers of an optimizer", () => {
  it.each(whole)("mean the parameters that the live optimizer had: %s", async (name) => {
    await using checkpoint = await openFixture(`optimizer/${name}`);
    const optimizer = states(checkpoint);
    expect(optimizer.naming?.obstacle).toBeUndefined();
    expect(counted(optimizer)).toEqual(recorded(`optimizer/${name}/names.json`).map(canonical));
  });

  it.each(Object.keys(hybridNames))("mean them when everything was trained: %s", async (path) => {
    const [, name = ""] = path.split("/");
    await standingOn(`hybrid/${name}/base`, async (base) => {
      await using checkpoint = await openFixture(path, base);
      expect(counted(states(checkpoint))).toEqual(hybridNames[path]?.map(canonical));
      expect(states(checkpoint).naming?.obstacle).toBeUndefined();
    });
  });

  it("mean them in a module around the model, whose own parameter comes first", async () => {
    await using checkpoint = await openFixture("hybrid/qv/trainer-module/checkpoint-3");
    const expected = hybridNames["hybrid/qv/trainer-peft/checkpoint-3"]?.map(canonical) ?? [];
    expect(counted(states(checkpoint))).toEqual(["gain", ...expected]);
  });

  it("say so when the trainer's groups are those of LoRA alone, with an empty second one", async () => {
    await using checkpoint = await openFixture("optimizer/trainer-lora");
    const { groups, naming } = states(checkpoint);
    expect(groups.map(({ parameters }) => parameters.length)).toEqual([4, 0]);
    expect(groups[0]?.parameters).toEqual(recorded("optimizer/trainer-lora/names.json").map(canonical));
    expect(naming?.obstacle).toBeUndefined();
  });

  it("are layer norms by class where their names do not say it", async () => {
    await standingOn("optimizer/gpt2-base", async (base) => {
      await using checkpoint = await openFixture("optimizer/trainer-gpt2", base);
      expect(counted(states(checkpoint))).toEqual(
        recorded("optimizer/trainer-gpt2/names.json").map(canonical),
      );
    });
  });
});

describe("numbers that cannot be proven", () => {
  it("stay where two parameters fit, which are named", async () => {
    await using checkpoint = await openFixture("optimizer/ambiguous");
    const { naming } = states(checkpoint);
    const layer = "model.layers.0.mlp";
    expect(naming?.candidates?.get("2")).toEqual([`${layer}.gate_proj.weight`, `${layer}.up_proj.weight`]);
    expect(naming?.obstacle).toBe(
      `number 2 may be ${layer}.gate_proj.weight or ${layer}.up_proj.weight, by its shape and its place`,
    );
    expect(counted(states(checkpoint))[2]).toBe("2");
    expect(counted(states(checkpoint))[0]).toBe("default:model.layers.0.self_attn.q_proj.lora_A");
  });

  it("stay where the base is lost, beside those of the adapter", async () => {
    await using checkpoint = await openFixture("optimizer/trainer-norms");
    const names = recorded("optimizer/trainer-norms/names.json").map(canonical);
    expect(counted(states(checkpoint))).toEqual(
      names.map((name, at) => (name.startsWith("default:") ? name : String(at))),
    );
    expect(states(checkpoint).naming?.obstacle).toMatch(/^numbers 4, 5, 6, … are of parameters that/);
  });

  it("stay where no table knows the order of modules", async () => {
    await using checkpoint = await openFixture("optimizer/unknown-order");
    expect(states(checkpoint).naming?.obstacle).toMatch(/^the place of .+ among the modules of the model/);
    expect(counted(states(checkpoint)).every((name) => /^\d+$/.test(name))).toBe(true);
  });
});

describe("--param-order", () => {
  it.each(["ambiguous", "unknown-order"])("decides by stored names or canonical ones: %s", async (name) => {
    const live = recorded(`optimizer/${name}/names.json`);
    for (const paramOrder of [live, live.map(canonical)]) {
      await using checkpoint = await openFixture(`optimizer/${name}`, { paramOrder });
      expect(counted(states(checkpoint))).toEqual(live.map(canonical));
      expect(states(checkpoint).naming).toEqual({ order: "the order that was given (--param-order)" });
    }
  });

  it("names what the checkpoint has lost", async () => {
    const paramOrder = recorded("optimizer/trainer-norms/names.json");
    await using checkpoint = await openFixture("optimizer/trainer-norms", { paramOrder });
    expect(counted(states(checkpoint))).toEqual(paramOrder.map(canonical));
  });

  it("is refused when a shape contradicts it, a name is unknown or twice, or one is missing", async () => {
    const order = [...recorded("optimizer/ambiguous/names.json")];
    const wrong = [
      [
        [order[1], order[0], ...order.slice(2)],
        /number 0 cannot be .+: its state is \[2, 8\], the parameter \[8, 2\]/,
      ],
      [order.slice(1), /names 4 parameters, the optimizer counts 5/],
      [[order[0], ...order.slice(0, -1)], /twice/],
      [["nobody", ...order.slice(1)], /names "nobody", which the checkpoint does not hold/],
    ] as const;
    for (const [paramOrder, says] of wrong) {
      const opening = openFixture("optimizer/ambiguous", { paramOrder: paramOrder as string[] });
      await expect(opening).rejects.toMatchObject({ code: "TENON_PARAM_ORDER_MISFIT", exitCode: 1 });
      await expect(opening).rejects.toThrow(says);
    }
  });
});
