// Saves of many workers: files of DeepSpeed, universal checkpoints, `.metadata` and `.distcp` of torch.
import { memoryTree } from "../../../src/bytes/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { dcp, type Layout, universal, zero } from "../../../src/layouts/index.ts";
import { archive, f32, storage, tensor } from "../../formats/torch/archive.ts";
import {
  type ChunkParts,
  type MetadataParts,
  metadataOf,
  placesOf,
  type TensorParts,
} from "../../layouts/dcp-metadata.ts";
import { int, list, parameter, record, str, TorchDraft, type Toy, toySave } from "../../layouts/zero/toy.ts";
import type { Code } from "../../pickle/assemble.ts";
import { mutate } from "../mutate.ts";
import { type PackedFiles, packed, unpacked } from "../packed.ts";
import { anyInt, anyValue } from "../pickle-input.ts";
import { Random } from "../random.ts";
import { readSome } from "../source.ts";
import type { FuzzTarget } from "../target.ts";

/** Opens a directory as a layout; every other input with a listener, as the doctor does. */
function opens(layout: Layout): FuzzTarget["run"] {
  return async (input) => {
    const report = (): void => {};
    const options = { formats, ...(input.length % 2 === 0 && { report }) };
    await using checkpoint = await layout.open(memoryTree(unpacked(input)), options);
    await readSome(checkpoint.entries.map((entry) => entry.tensor));
    const states = [...(checkpoint.optimizer?.states.values() ?? [])].flatMap((state) => [...state.values()]);
    await readSome(states);
  };
}

/** A directory of which one file may be damaged, missing, or under another name. */
function damaged(files: PackedFiles, random: Random, names: readonly string[]): Uint8Array {
  const entries = Object.entries(files);
  const at = random.below(entries.length);
  const [path, content] = entries[at] as [string, string | Uint8Array];
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  switch (random.below(12)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entries[at] = [random.pick(names), content];
      break;
    case 2:
    case 3:
      entries[at] = [path, mutate(bytes, bytes, random)];
  }
  return packed(Object.fromEntries(entries));
}

const zeroNames = [
  "latest", "zero_pp_rank_2_mp_rank_00_optim_states.pt", "zero_pp_rank_0_mp_rank_01_model_states.pt",
  "layer_0_expert_0_mp_rank_00_model_states.pt", "mp_rank_00_model_states.pt", "global_step9/mp_rank_00_model_states.pt",
]; // biome-ignore format: a list

const modelKeys = [
  "module", "param_shapes", "frozen_param_shapes", "frozen_param_fragments", "shared_params", "buffer_names", "global_steps",
  "ds_version", "lr_scheduler", "client", "optimizer",
]; // biome-ignore format: a list
const optimizerKeys = [
  "zero_stage", "partition_count", "optimizer_state_dict", "base_optimizer_state", "fp32_flat_groups",
  "single_partition_of_fp32_groups", "group_paddings", "param_slice_mappings", "loss_scaler",
]; // biome-ignore format: a list

/** Mostly a value of the right kind, so that what follows is reached. */
function anyField(random: Random): Code {
  const makers = [
    () => anyValue(random),
    () => anyInt(random),
    () => list(anyValue(random)),
    () => record({ w: anyValue(random), b: anyInt(random) }),
    () => str(random.pick(["w", "0.19.6", "", "__proto__"])),
  ];
  return random.pick(makers)();
}

function zeroFiles(random: Random, isSound: boolean): PackedFiles {
  const [model, optimizer] = [!isSound && random.below(2) === 0, !isSound && random.below(2) === 0];
  const stage = random.pick([1, 2, 3] as const);
  const toy: Toy = {
    stage,
    workers: 1 + random.below(3),
    groups: [
      [parameter("w.weight", [3, 2], 0), parameter("w.bias", [3], 50)],
      ...(random.below(2) === 0 ? [] : [[parameter("norm.weight", [2], 90)]]),
    ],
    ...(random.below(2) === 0 && { frozen: [parameter("frozen.weight", [2, 2], 200)] }),
    changeModel: (draft) => {
      if (model) draft.entries[random.pick(modelKeys)] = anyField(random);
    },
    changeOptimizer: (_, __, inner) => {
      if (optimizer) inner[random.pick(optimizerKeys)] = anyField(random);
    },
  };
  const files = [...toySave(toy)].map(([name, bytes]) => [`global_step7/${name}`, bytes] as const);
  return { latest: "global_step7", ...Object.fromEntries(files) };
}

export const zeroTarget: FuzzTarget = {
  name: "zero",
  cost: 10,
  run: opens(zero),
  seeds: () => [1, 2, 3, 4].map((seed) => packed(zeroFiles(new Random(seed), true))),
  generate: (random) => damaged(zeroFiles(random, random.below(4) === 0), random, zeroNames),
};

/** One state of one parameter as stages 1 and 2 write it, or stage 3. */
function stateFile(values: readonly number[], isFlat: boolean, change: Record<string, Code>): Uint8Array {
  if (isFlat) {
    const object = tensor({
      storage: storage("FloatStorage", "0", values.length),
      size: [values.length],
      stride: [1],
    });
    return archive({ object, storages: { "0": f32(...values) } });
  }
  const draft = new TorchDraft();
  draft.entries = { cat_dim: int(0), param: draft.tensor(values), ...change };
  return draft.bytes();
}

function universalFiles(random: Random, isSound: boolean): PackedFiles {
  const group = [parameter("w.weight", [6], 0), parameter("w.bias", [3], 50)];
  const isFlat = random.below(2) === 0;
  const change = (keys: readonly string[]): Record<string, Code> =>
    isSound || random.below(3) > 0 ? {} : { [random.pick(keys)]: anyField(random) };
  const changeModel = (draft: TorchDraft): void => void Object.assign(draft.entries, change(modelKeys));
  const model = toySave({ stage: 2, workers: 1, groups: [group], changeModel }).get(
    "mp_rank_00_model_states.pt",
  );
  const optimizer = new TorchDraft();
  optimizer.entries = {
    zero_stage: int(2),
    param_groups: list(record({ params: list(int(0)) })),
    ...change(["zero_stage", "param_groups", "optimizer_state_dict", "ds_version"]),
  };
  const states = group.flatMap(({ name, values }) =>
    ["fp32", "exp_avg", "exp_avg_sq"].map((state) => {
      const own = isSound || random.below(12) > 0 ? values : values.slice(1);
      return [
        `zero/${name}/${state}.pt`,
        stateFile(own, isFlat, change(["cat_dim", "param", "vocab_tensor"])),
      ] as const;
    }),
  );
  const step = new TorchDraft();
  step.entries = {};
  return {
    "mp_rank_00_model_states.pt": model ?? new Uint8Array(),
    "zero/optimizer_state.pt": optimizer.bytes(),
    ...Object.fromEntries(states),
  };
}

export const universalTarget: FuzzTarget = {
  name: "universal",
  cost: 10,
  run: opens(universal),
  seeds: () => [1, 2, 3, 4].map((seed) => packed(universalFiles(new Random(seed), true))),
  generate: (random) =>
    damaged(universalFiles(random, random.below(4) === 0), random, [
      "latest_universal", "zero/w.weight/step.pt", "zero/w/x.pt", "tmp/x", "zero/a/b/fp32.pt", "zero_pp_rank_0_mp_rank_00_model_states.pt",
    ]), // biome-ignore format: one call
};

/** A tensor of four rows in chunks, and the bytes of each. */
function dcpFiles(random: Random, isSound: boolean): PackedFiles {
  const odd = (sound: number): number => (isSound || random.below(12) > 0 ? sound : random.below(6));
  const cuts = random.pick([[0], [0, 2], [0, 1, 3]]);
  const chunks = cuts.map((from, at): ChunkParts => {
    const rows = (cuts[at + 1] ?? 4) - from;
    return { offsets: [odd(from), 0], sizes: [odd(rows), odd(2)] };
  });
  const items = cuts.map((from, at) => {
    const rows = (cuts[at + 1] ?? 4) - from;
    const values = Array.from({ length: rows * 2 }, (_, index) => from + index);
    const data = storage("FloatStorage", "0", values.length);
    return archive({
      object: tensor({ storage: data, size: [rows, 2], stride: [2, 1] }),
      storages: { "0": f32(...values) },
    });
  });
  const properties = isSound || random.below(8) > 0 ? {} : { properties: anyField(random) };
  const whole: TensorParts = { size: [4, 2], chunks, ...properties };
  const parts: MetadataParts = {
    tensors: { "model.w.weight": whole },
    ...(random.below(2) === 0 && {
      paths: {
        "model.w.weight": isSound
          ? ["model", "w.weight"]
          : ["model", random.pick(["w.weight", 0, 9, "__proto__"])],
      },
    }),
    ...(!isSound && random.below(12) === 0 && { version: random.pick(["2.0.0", "x", ""]) }),
  };
  let start = 0;
  const places = placesOf(parts).map((place, at) => {
    const byteLength = items[at]?.length ?? 0;
    const own = {
      ...place,
      byteOffset: start,
      byteLength: isSound || random.below(12) > 0 ? byteLength : random.below(4000),
    };
    start += byteLength;
    return own;
  });
  return {
    ".metadata": metadataOf({ ...parts, places }),
    "__0_0.distcp": new Uint8Array(Buffer.concat(items)),
  };
}

export const dcpTarget: FuzzTarget = {
  name: "dcp",
  cost: 10,
  run: opens(dcp),
  seeds: () => [1, 2, 3, 4].map((seed) => packed(dcpFiles(new Random(seed), true))),
  generate: (random) =>
    damaged(dcpFiles(random, random.below(4) === 0), random, [
      "__1_0.distcp",
      ".metadata",
      "shard-00001-model-00001-of-00001.safetensors",
    ]),
};
