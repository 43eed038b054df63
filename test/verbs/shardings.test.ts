import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { expectSameTensors } from "../layouts/fixtures.ts";
import { below, convertInMemory, type Files, filesAt, openFiles, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";
import { type Stored, safetensorsFile, stored } from "./tensor-files.ts";

const hybrid = "damaged/d01-base-layer";
const configs = new Map([
  ["config.json", filesAt(hybrid).get("config.json") as Uint8Array],
  ["adapter_config.json", filesAt("damaged/whole/adapter").get("adapter_config.json") as Uint8Array],
]);
let tensors: ReadonlyMap<string, Stored> = new Map();

beforeAll(async () => {
  await using opened = await tenon.open(fixture(hybrid));
  tensors = await stored(new Map(opened.entries.map(({ tensor }) => [tensor.name, tensor])));
});

/** The hybrid with each tensor in the shard that was drawn for it; base and LoRA mixed as chance has it. */
function sharded(shards: readonly number[], order: readonly number[]): Files {
  const names = [...tensors.keys()].map((name, at) => ({
    name,
    shard: shards[at] ?? 0,
    order: order[at] ?? 0,
  }));
  names.sort((a, b) => a.order - b.order);
  const used = [...new Set(names.map(({ shard }) => shard))].sort((a, b) => a - b);
  const files = new Map<string, Uint8Array>(configs);
  const map: Record<string, string> = {};
  for (const [at, shard] of used.entries()) {
    const file = `model-0000${at + 1}-of-0000${used.length}.safetensors`;
    const own = names.filter((each) => each.shard === shard).map(({ name }) => name);
    files.set(file, safetensorsFile(new Map(own.map((name) => [name, tensors.get(name) as Stored]))));
    for (const name of own) map[name] = file;
  }
  const index = { metadata: { total_size: 0 }, weight_map: map };
  return files.set("model.safetensors.index.json", new TextEncoder().encode(JSON.stringify(index)));
}

describe("a hybrid in any sharding", () => {
  it("splits into the same parts, in any other sharding, and goes back to one state dict", async () => {
    const one = await convertInMemory(fixture("damaged/d01-base-layer"), "state-dict");
    await using truth = await tenon.open(fixture("damaged/whole/base"));
    const count = tensors.size;
    const property = fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 4 }), { minLength: count, maxLength: count }),
      fc.array(fc.nat(), { minLength: count, maxLength: count }),
      fc.option(fc.integer({ min: 1, max: 40_000 }), { nil: undefined }),
      fc.boolean(),
      async (shards, order, maxShardBytes, hasBase) => {
        const options = {
          ...(maxShardBytes !== undefined && { maxShardBytes }),
          ...(hasBase && { base: fixture("damaged/whole/base") }),
        };
        const { files, report } = await splitInMemory(memoryTree(sharded(shards, order)), options);
        expect(below(files, "adapters/default")).toEqual(filesAt("damaged/whole/adapter"));
        await using opened = await openFiles(files);
        if (hasBase) expect(report.base).toMatchObject({ tensors: 0, reference: { relied: 21 } });
        else await expectSameTensors(opened.base?.tensors ?? new Map(), truth.base?.tensors ?? new Map());
        const back = await convertInMemory(memoryTree(files), "state-dict");
        expect(back.files.get("state_dict.safetensors")).toEqual(one.files.get("state_dict.safetensors"));
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });
});
