import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { hybridCase } from "../layouts/fixtures.ts";
import {
  below,
  configAt,
  convertInMemory,
  type Files,
  filesAt,
  openFiles,
  splitInMemory,
} from "./converted.ts";
import { differences } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";
import { moved, type Stored, safetensorsFile, stored } from "./tensor-files.ts";

const weights = "adapter_model.safetensors";

/** Trained from end to end, embeddings and head among it, by the real tools; the second has a tied head. */
const trained = ["qv/state-dict-safetensors", "tied-bf16/state-dict-pt", "all-linear-bf16/state-dict-pt"];

const named = (files: Files): [string, string][] =>
  [...files]
    .filter(([path]) => path !== "tenon.json")
    .map(([path, bytes]): [string, string] => [path, Buffer.from(bytes).toString("base64")])
    .sort();

/** Without what split took from a base of which everything moved, and what goes along from there. */
const ofAdapter = (files: Files): [string, string][] =>
  named(files).filter(([path]) => path !== "generation_config.json");

/** A PEFT directory of the fixtures whose file also has a base layer that moved, taken from its base. */
async function withTrainedLayer(adapter: string, base: string): Promise<Map<string, Uint8Array>> {
  await using opened = await tenon.open(fixture(adapter));
  await using whole = await tenon.open(fixture(base));
  const tensors = await stored(new Map(opened.entries.map(({ tensor }) => [tensor.name, tensor])));
  const path = "model.layers.0.self_attn.q_proj";
  const layer = (await stored(whole.base?.tensors ?? new Map())).get(`${path}.weight`) as Stored;
  const isWrapped = tensors.has(`base_model.model.${path}.lora_A.weight`);
  tensors.set(`base_model.model.${path}.${isWrapped ? "base_layer." : ""}weight`, moved(layer));
  return new Map([...filesAt(adapter), [weights, safetensorsFile(tensors)]]);
}

async function adapterKinds(files: Files): Promise<unknown> {
  await using opened = await openFiles(files);
  const { replacements = [] } = opened.adapters.get("default") ?? {};
  return {
    base: [...(opened.base?.tensors.keys() ?? [])],
    adapter: replacements.map(({ kind, parameter }) => [kind, parameter]),
  };
}

describe("a trained base that goes through a peft-hybrid directory", () => {
  for (const name of trained) {
    const { source, truth } = hybridCase(name);
    const base = fixture(`hybrid/${name.split("/")[0]}/base`);
    const adapterConfig = configAt(`${truth}/adapter`);

    it(`of ${name} is split into the files that the state dict is, trained embeddings with the base`, async () => {
      const hybrid = await convertInMemory(fixture(source), "peft-hybrid", { base, adapterConfig });
      const there = await splitInMemory(memoryTree(hybrid.files), { base });
      const straight = await splitInMemory(fixture(source), { base, adapterConfig });
      expect(named(there.files)).toEqual(named(straight.files));
      const own = below(there.files, "adapters/default").get(weights) as Uint8Array;
      expect(Buffer.compare(own, readFileSync(fixture(`${truth}/adapter/${weights}`)))).toBe(0);
    });

    it(`of ${name} comes back to the byte, with its base given and without`, async () => {
      const hybrid = await convertInMemory(fixture(source), "peft-hybrid", { base, adapterConfig });
      for (const options of [{ base }, {}]) {
        const split = await splitInMemory(memoryTree(hybrid.files), options);
        const again = await convertInMemory(memoryTree(split.files), "peft-hybrid");
        expect(ofAdapter(again.files)).toEqual(named(hybrid.files));
      }
    });
  }

  it("stores a tied head once, although the adapter's file has both copies", async () => {
    const { source, truth } = hybridCase("tied-bf16/state-dict-pt");
    const options = { base: fixture("hybrid/tied-bf16/base") };
    const hybrid = await convertInMemory(fixture(source), "peft-hybrid", {
      ...options,
      adapterConfig: configAt(`${truth}/adapter`),
    });
    await using opened = await openFiles(hybrid.files);
    const tensors = await stored(new Map(opened.entries.map(({ tensor }) => [tensor.name, tensor])));
    const embedding = tensors.get("base_model.model.model.embed_tokens.weight") as Stored;
    const twice = new Map(tensors).set("base_model.model.lm_head.weight", embedding);
    const doubled = new Map([...hybrid.files, [weights, safetensorsFile(twice)] as const]);
    const [one, two] = [hybrid.files, doubled].map((files) => splitInMemory(memoryTree(files), options));
    expect(named((await two)?.files ?? new Map())).toEqual(named((await one)?.files ?? new Map()));
    // Where the two copies part, both are the base's.
    const parted = new Map(tensors).set("base_model.model.lm_head.weight", moved(embedding));
    const files = new Map([...hybrid.files, [weights, safetensorsFile(parted)] as const]);
    const split = await splitInMemory(memoryTree(files), options);
    const again = await convertInMemory(memoryTree(split.files), "peft-hybrid");
    expect(ofAdapter(again.files)).toEqual(named(files));
  });
});

describe("embeddings that PEFT saves by itself, beside a trained base", () => {
  const base = "base/llama-small-bf16";
  const q = "model.layers.0.self_attn.q_proj.weight";
  const both = [
    ["embedding", "lm_head.weight"],
    ["embedding", "model.embed_tokens.weight"],
  ];
  const cases: [string, unknown][] = [
    ["embeddings-targeted", both],
    ["embeddings-resized", both],
    ["embedding-regex", [["embedding", "model.embed_tokens.weight"]]],
  ];

  for (const [name, replacements] of cases) {
    it(`stay with the adapter as PEFT wrote it: ${name}`, async () => {
      const directory = `merge/${name}/adapter`;
      const hybrid = await withTrainedLayer(directory, base);
      const { files } = await splitInMemory(memoryTree(hybrid), { base: fixture(base) });
      expect(await adapterKinds(files)).toEqual({ base: [q], adapter: replacements });
      const own = below(files, "adapters/default").get(weights) as Uint8Array;
      expect(Buffer.compare(own, readFileSync(fixture(`${directory}/${weights}`)))).toBe(0);
      const again = await convertInMemory(memoryTree(files), "peft-hybrid");
      expect(again.files.get(weights)).toEqual(hybrid.get(weights));
    });
  }

  it("are the base's where the config has no reason to save them", async () => {
    const hybrid = await withTrainedLayer("merge/embeddings-targeted/adapter", base);
    const text = new TextDecoder().decode(hybrid.get("adapter_config.json"));
    const config = { ...JSON.parse(text), target_modules: "all-linear" };
    hybrid.set("adapter_config.json", new TextEncoder().encode(JSON.stringify(config)));
    const { files } = await splitInMemory(memoryTree(hybrid), { base: fixture(base) });
    // Saved by PEFT without training, they have the bits of the base and are not stored again.
    expect(await adapterKinds(files)).toEqual({ base: [q], adapter: [] });
  });

  it("merge as they did: a resized vocabulary still counts", async () => {
    const hybrid = await withTrainedLayer("merge/embeddings-resized/adapter", base);
    const output = `${fixture("merge/embeddings-resized/expected")}`;
    const { files } = await splitInMemory(memoryTree(hybrid), { base: fixture(base) });
    const sink = memorySink();
    await tenon.merge(memoryTree(files), { base: fixture(base), output: sink });
    expect(await differences(sink.files, output)).toEqual([`${q} has other bytes`]);
  });
});
