// A ZeRO-3 save as DeepSpeed 0.19.6 writes it, by the arithmetic of docs/formats/zero.md: a Llama in bf16 with LoRA on its
// seven linears, trained together.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DType, elementCount } from "../src/core/index.ts";
import { TensorPlace } from "../src/formats/index.ts";
import { PickleFloat, PickleMap, PickleRecord, PickleTuple, type PickleValue } from "../src/pickle/index.ts";
import { writeLoraConfig } from "./adapter.ts";
import { type LlamaSizes, type LlamaTensor, linearsOf, llamaTensors } from "./llama.ts";
import { NormalStream } from "./random.ts";
import type { TensorToWrite } from "./tensor-file.ts";
import { type FileRange, writeTorchFile } from "./torch-file.ts";

export interface ZeroOptions {
  readonly workers: number;
  readonly loraRank: number;
  /** `base`: everything but the two embeddings is trained beside LoRA; `norms`: only the norms are. */
  readonly trains: "base" | "norms";
  readonly weights: "random" | "holes";
}

const tag = "global_step1000";
const deviation = 0.02;

/**
 * Writes `<directory>/checkpoint`, and beside it `ranges.json`: the bytes that base and adapter are made of, 4 of every 12 of
 * a trained parameter and all of a frozen one.
 */
export function writeZero3(directory: string, sizes: LlamaSizes, options: ZeroOptions): void {
  const checkpoint = join(directory, "checkpoint");
  mkdirSync(join(checkpoint, tag), { recursive: true });
  const { trained, frozen } = parametersOf(sizes, options);
  const needed: FileRange[] = [];
  for (let worker = 0; worker < options.workers; worker++) {
    const at = (kind: string): string =>
      join(checkpoint, tag, `${kind.replace("#", `zero_pp_rank_${worker}_mp_rank_00`)}_states.pt`);
    const model = modelFile(trained, frozen, worker, options);
    const fragments = writeTorchFile(at("#_model"), model.object, model.tensors);
    for (const { name } of frozen) needed.push(fragments.get(`fragment ${name}`) as FileRange);
    const optimizer = optimizerFile(trained, worker, options);
    const buffers = writeTorchFile(at("bf16_#_optim"), optimizer.object, optimizer.tensors);
    needed.push(buffers.get("fp32") as FileRange);
  }
  writeLoraConfig(checkpoint, options.loraRank);
  writeFileSync(join(checkpoint, "latest"), tag);
  // Paths as they will be: the directory is renamed when all is written.
  const ranges = needed.map((range) => ({ ...range, path: range.path.slice(directory.length + 1) }));
  writeFileSync(join(directory, "ranges.json"), JSON.stringify(ranges));
}

interface Parameters {
  readonly trained: readonly LlamaTensor[];
  readonly frozen: readonly LlamaTensor[];
}

/** Parameters under their live names, in the order of the modules. */
function parametersOf(sizes: LlamaSizes, { loraRank, trains }: ZeroOptions): Parameters {
  const linears = linearsOf(sizes);
  const trained: LlamaTensor[] = [];
  const frozen: LlamaTensor[] = [];
  for (const { name, shape } of llamaTensors(sizes)) {
    const [, layer, path = ""] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
    const widths = linears.get(path);
    const isNorm = shape.length === 1;
    const place = isNorm || (trains === "base" && widths !== undefined) ? trained : frozen;
    if (widths === undefined) {
      place.push({ name: `base_model.model.${name}`, shape });
      continue;
    }
    const module = `base_model.model.model.layers.${layer}.${path}`;
    const [outputs, inputs] = widths;
    place.push({ name: `${module}.base_layer.weight`, shape });
    trained.push({ name: `${module}.lora_A.default.weight`, shape: [loraRank, inputs] });
    trained.push({ name: `${module}.lora_B.default.weight`, shape: [outputs, loraRank] });
  }
  return { trained, frozen };
}

interface TorchFile {
  readonly object: PickleMap;
  readonly tensors: readonly TensorToWrite[];
}

const share = (shape: readonly number[], workers: number): number => Math.ceil(elementCount(shape) / workers);

/** Placeholders of shape [0] for every parameter, and this worker's piece of each frozen one. */
function modelFile(
  trained: readonly LlamaTensor[],
  frozen: readonly LlamaTensor[],
  worker: number,
  { workers, weights }: ZeroOptions,
): TorchFile {
  const module = new PickleMap("collections OrderedDict");
  const fragments = new PickleMap();
  const tensors: TensorToWrite[] = [];
  for (const { name } of [...trained, ...frozen]) {
    module.set(name, new TensorPlace(name));
    tensors.push({ name, dtype: "BF16", shape: [0] });
  }
  for (const { name, shape } of frozen) {
    fragments.set(name, new TensorPlace(`fragment ${name}`));
    tensors.push(piece(`fragment ${name}`, "BF16", share(shape, workers), worker, weights));
  }
  const entries: [string, PickleValue][] = [
    ["module", module],
    ["buffer_names", []],
    ["optimizer", null],
    ["param_shapes", [shapesOf(trained)]],
    ["frozen_param_shapes", shapesOf(frozen)],
    ["shared_params", new PickleMap()],
    ["frozen_param_fragments", fragments],
    ["lr_scheduler", null],
    ["data_sampler", null],
    ["random_ltd", null],
    ["sparse_tensor_module_names", new Set<PickleValue>()],
    ["skipped_steps", 0],
    ["global_steps", 1000],
    ["global_samples", 8000],
    ["dp_world_size", workers],
    ["mp_world_size", 1],
    ["ds_config", new PickleMap()],
    ["ds_version", "0.19.6"],
  ];
  return { object: mapOf(entries), tensors };
}

/** One sub-group: a master and two moments, each as long as this worker's pieces of all trained parameters together. */
function optimizerFile(
  trained: readonly LlamaTensor[],
  worker: number,
  { workers, weights }: ZeroOptions,
): TorchFile {
  const length = trained.reduce((sum, { shape }) => sum + share(shape, workers), 0);
  const states = ["exp_avg", "exp_avg_sq"];
  const tensors = ["fp32", ...states].map((name) => piece(name, "F32", length, worker, weights));
  const stepBytes = new Uint8Array(Float32Array.of(1000).buffer);
  const step: TensorToWrite = {
    name: "step",
    dtype: "F32",
    shape: [],
    fill: (part) => new Uint8Array(part).set(stepBytes),
  };
  const state = mapOf(["step", ...states].map((name) => [name, new TensorPlace(name)]));
  const group = mapOf([
    ["lr", new PickleFloat(1e-4)],
    ["betas", PickleTuple.ofValues([0.9, 0.999])],
    ["eps", new PickleFloat(1e-8)],
    ["weight_decay", new PickleFloat(0)],
    ["params", [0]],
  ]);
  const inner = mapOf([
    ["zero_stage", 3],
    ["loss_scaler", null],
    ["dynamic_loss_scale", false],
    ["overflow", false],
    ["partition_count", workers],
    [
      "optimizer_state_dict",
      mapOf([
        ["state", new PickleMap().set(0, state)],
        ["param_groups", [group]],
      ]),
    ],
    ["fp32_flat_groups", [new TensorPlace("fp32")]],
  ]);
  const object = mapOf([
    ["optimizer_state_dict", inner],
    ["ds_config", new PickleMap()],
    ["ds_version", "0.19.6"],
  ]);
  return { object, tensors: [...tensors, step] };
}

function piece(
  name: string,
  dtype: Extract<DType, "BF16" | "F32">,
  length: number,
  worker: number,
  weights: ZeroOptions["weights"],
): TensorToWrite {
  if (weights === "holes") return { name, dtype, shape: [length] };
  const stream = new NormalStream(`${name} of worker ${worker}`, deviation);
  const fill = (part: ArrayBuffer): void =>
    dtype === "F32" ? stream.fillF32(new Float32Array(part)) : fillBf16(stream, part);
  return { name, dtype, shape: [length], fill };
}

/** The stream writes two numbers at a time, and a piece may have an odd length. */
function fillBf16(stream: NormalStream, part: ArrayBuffer): void {
  const bits = new Uint16Array(part);
  const even = new Uint16Array(bits.length + (bits.length % 2));
  stream.fillBf16(even);
  bits.set(even.subarray(0, bits.length));
}

function shapesOf(parameters: readonly LlamaTensor[]): PickleMap {
  const shapes = new PickleMap("collections OrderedDict");
  for (const { name, shape } of parameters)
    shapes.set(name, new PickleRecord("torch Size", [PickleTuple.ofValues(shape)]));
  return shapes;
}

function mapOf(entries: readonly (readonly [string, PickleValue])[]): PickleMap {
  const map = new PickleMap();
  for (const [key, value] of entries) map.set(key, value);
  return map;
}
