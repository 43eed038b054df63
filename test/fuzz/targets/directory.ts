import { memorySink, memoryTree } from "../../../src/bytes/index.ts";
import { tenonOn } from "../../../src/verbs/index.ts";
import { fileOf } from "../../formats/safetensors/file.ts";
import { adapter, type Files, loraShapes, model, sharded, stateDict } from "../../hostile/victim.ts";
import { inlineHost } from "../../verbs/tenon.ts";
import { anyChange } from "../json-input.ts";
import { mutate } from "../mutate.ts";
import { packed, unpacked } from "../packed.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";

const tenon = tenonOn(inlineHost);

/** A directory through one of the verbs, in memory; what was written is read again. */
async function run(input: Uint8Array): Promise<void> {
  const files = unpacked(input);
  const source = memoryTree(files);
  // An adapter stands on a sound model; a model stands alone.
  const base = files.has("config.json") ? {} : { base: memoryTree(soundModel) };
  const options = { ...base, memoryBytes: 8 * 1024 * 1024 };
  const output = memorySink();
  switch (input.length % 4) {
    case 0:
      await tenon.inspect(source, options);
      return;
    case 1:
      await tenon.diagnose(source, options);
      return;
    case 2:
      await tenon.split(source, { ...options, output });
      await tenon.inspect(memoryTree(output.files));
      return;
    default:
      await tenon.merge(source, { ...options, output });
      await tenon.verify(memoryTree(output.files));
  }
}

const soundModel = new Map(Object.entries(model()));
const shard = "model-00001-of-00001.safetensors";

const sound: readonly Files[] = [
  adapter(),
  model(),
  stateDict("default"),
  { ...stateDict("task"), "config.json": model()["config.json"] ?? "", "tokenizer.json": "{}" },
  adapter({ modules_to_save: ["lm_head"] }, { ...loraShapes, "base_model.model.lm_head.weight": [16, 8] }),
  sharded(shard, { [shard]: model()["model.safetensors"] ?? "" }),
];

const words = ["q_proj", "__proto__", "../x", "lm_head.weight", ".*", "(a+)+$", "LORA", "F32", "default"];

/** One file of a sound directory is changed: a document value by value, weights by their header. */
function generate(random: Random): Uint8Array {
  const entries = Object.entries(random.pick(sound));
  const at = random.below(entries.length);
  const [path, content] = entries[at] as [string, string | Uint8Array];
  const other =
    random.below(12) === 0 ? random.pick(["a/", "checkpoint-1/", "../", ""]) + random.pick(places) : path;
  entries[at] = [other, random.below(4) === 0 ? content : changed(content, random)];
  return packed(Object.fromEntries(entries));
}

const places = [
  "config.json", "adapter_config.json", "adapter_model.safetensors", "model.safetensors", "tokenizer.json", "tenon.json",
  "optimizer.pt", "trainer_state.json", "certificate.json", "x.pt",
]; // biome-ignore format: a list

function changed(content: string | Uint8Array, random: Random): string | Uint8Array {
  if (typeof content === "string") return JSON.stringify(anyChange(JSON.parse(content), random, words));
  if (random.below(4) === 0) return mutate(content, content, random);
  // The header as JSON, so that what it says is looked at, and not only that it is broken.
  const length = Number(new DataView(content.buffer, content.byteOffset).getBigUint64(0, true));
  const header: unknown = JSON.parse(new TextDecoder().decode(content.subarray(8, 8 + length)));
  return fileOf(JSON.stringify(anyChange(header, random, words)), content.slice(8 + length));
}

export const directoryTarget: FuzzTarget = {
  name: "directory",
  cost: 50,
  run,
  seeds: () => sound.map(packed),
  generate,
};
