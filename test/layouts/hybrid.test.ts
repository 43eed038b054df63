import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type AdapterModule, type JsonRecord, parseJsonRecord, type Tensor } from "../../src/core/index.ts";
import { expectSameTensors, fixturePath, hybridCase, keptHybrids as kept, openFixture } from "./fixtures.ts";

function pair(module: AdapterModule | undefined): ReadonlyMap<string, Tensor> {
  const { loraA, loraB } = module ?? {};
  return new Map([...(loraA ? [["A", loraA] as const] : []), ...(loraB ? [["B", loraB] as const] : [])]);
}

/** Saved by tools that keep the adapter alone. */
const dropped = [
  "qv/save-pretrained",
  "qv/trainer-peft",
  "qv/trainer-native",
  "tied-bf16/trainer-peft",
  "all-linear-bf16/trainer-peft",
];

function configOf(directory: string): JsonRecord {
  const file = `${directory}/adapter_config.json`;
  return parseJsonRecord(readFileSync(fixturePath(file), "utf8"), { file });
}

describe("a model that was trained with LoRA and base together", () => {
  for (const name of kept) {
    it(`comes back from ${name} as base and adapter, to the bit`, async () => {
      const { source, truth, adapterConfig, foreign = [] } = hybridCase(name);
      const given = adapterConfig === null ? {} : { adapterConfig: configOf(adapterConfig) };
      await using checkpoint = await openFixture(source, given);
      await using base = await openFixture(`${truth}/base`);
      await using adapter = await openFixture(`${truth}/adapter`);
      const found = new Map(checkpoint.base?.tensors);
      // A tied head is one tensor with two names; what is stored twice is the doctor's business.
      for (const alias of [...found.keys()]) if (base.base?.ties.has(alias)) found.delete(alias);
      // Parameters of the module around the model are kept, and observed as TENON_NAMES_OUTSIDE_MODEL.
      for (const outside of foreign) expect(found.delete(outside)).toBe(true);
      await expectSameTensors(found, base.base?.tensors ?? new Map());
      expect(checkpoint.base?.isComplete).toBe(true);
      const own = checkpoint.adapters.get("default");
      const expected = adapter.adapters.get("default");
      expect([...(own?.modules.keys() ?? [])].sort()).toEqual([...(expected?.modules.keys() ?? [])].sort());
      for (const [path, module] of expected?.modules ?? []) {
        await expectSameTensors(pair(own?.modules.get(path)), pair(module));
      }
      expect(own?.config?.["r"]).toBe(expected?.config?.["r"]);
    });
  }

  for (const name of dropped) {
    it(`is an adapter without a base in ${name}`, async () => {
      await using checkpoint = await openFixture(hybridCase(name).source);
      expect(checkpoint.base).toBeUndefined();
      expect([...checkpoint.adapters.keys()]).toEqual(["default"]);
      expect(checkpoint.adapters.get("default")?.config?.["peft_type"]).toBe("LORA");
    });
  }

  it("is an adapter too when only the adapter's file is pointed at, with the config that is given", async () => {
    const { source, truth } = hybridCase("qv/save-pretrained");
    const adapterConfig = configOf(`${truth}/adapter`);
    await using checkpoint = await openFixture(`${source}/adapter_model.safetensors`, { adapterConfig });
    expect({ layout: checkpoint.layout, base: checkpoint.base }).toEqual({
      layout: "state-dict",
      base: undefined,
    });
    expect(checkpoint.adapters.get("default")?.config).toBe(adapterConfig);
    expect(checkpoint.adapters.get("default")?.configFrom).toBe("the adapterConfig option");
  });

  it("is missed when the optimizer kept the moments of what the adapter file lacks", async () => {
    for (const name of dropped.filter((each) => hybridCase(each).optimizerHoldsLostBase)) {
      await using checkpoint = await openFixture(hybridCase(name).source);
      const lost = checkpoint.observations.find(({ code }) => code === "TENON_TRAINED_BASE_LOST");
      expect(lost, name).toBeDefined();
      const states = checkpoint.optimizer?.states.size ?? 0;
      const adapters = checkpoint.entries.length;
      expect(lost?.facts?.["count"], name).toBe(states - adapters);
      expect(checkpoint.trainer?.documents.get("trainer_state.json")?.["global_step"]).toBe(3);
    }
  });

  it("is not missed where the base was saved", async () => {
    for (const name of ["qv/trainer-module", "qv/accelerator-save-state"]) {
      await using checkpoint = await openFixture(hybridCase(name).source);
      expect(checkpoint.observations.map(({ code }) => code)).not.toContain("TENON_TRAINED_BASE_LOST");
      expect(checkpoint.optimizer?.states.size).toBeGreaterThan(0);
      expect(checkpoint.optimizer?.groups.flatMap(({ parameters }) => parameters).length).toBe(
        checkpoint.optimizer?.states.size,
      );
    }
  });
});
