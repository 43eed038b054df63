// ZeRO saves built by hand, by the arithmetic of docs/formats/zero.md: any shapes, any number of workers, anything wrong.
import { archive, f32, storage, tensor } from "../../formats/torch/archive.ts";
import {
  build,
  type Code,
  call,
  dict,
  global,
  int,
  list,
  none,
  record,
  str,
  tuple,
} from "../../pickle/assemble.ts";

export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export type Entries = Record<string, Code>;

/** One file about to be written: the entries of its dict, and tensors on storages of its own. */
export class TorchDraft {
  readonly storages: Record<string, Uint8Array> = {};
  entries: Entries = {};

  tensor(values: readonly number[], size: readonly number[] = [values.length]): Code {
    const key = String(Object.keys(this.storages).length);
    this.storages[key] = f32(...values);
    const stride = size.map((_, axis) => size.slice(axis + 1).reduce((product, each) => product * each, 1));
    return tensor({ storage: storage("FloatStorage", key, values.length), size, stride });
  }

  bytes(): Uint8Array {
    return archive({ object: record(this.entries), storages: this.storages });
  }
}

export interface Toy {
  readonly stage: 1 | 2 | 3;
  readonly workers: number;
  /** Trained parameters by group, in the order of the flat buffers. */
  readonly groups: readonly (readonly Parameter[])[];
  readonly frozen?: readonly Parameter[];
  readonly shared?: Readonly<Record<string, string>>;
  /** BF16_Optimizer: no stage, and masters with their padding. */
  readonly isBf16Optimizer?: boolean;
  /** Stage 3 of old: shapes by group, buffers of this many elements. */
  readonly bufferElements?: number;
  /** Changes a file before it is written. */
  readonly changeModel?: (draft: TorchDraft, worker: number) => void;
  readonly changeOptimizer?: (draft: TorchDraft, worker: number, inner: Entries) => void;
}

export const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const shapesOf = (parameters: readonly Parameter[]): Code =>
  record(
    Object.fromEntries(
      parameters.map(({ name, shape }) => [name, call(global("torch", "Size"), tuple(...shape.map(int)))]),
    ),
  );

/** What state `exp_avg` holds in the place of a master: something else, so that a mix-up shows. */
export const momentOf = (value: number): number => value / 2 + 1000;

/** Files of one tag folder, by name. */
export function toySave(toy: Toy): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let worker = 0; worker < toy.workers; worker++) {
    if (worker === 0 || toy.stage === 3) {
      const name =
        toy.stage === 3 ? `zero_pp_rank_${worker}_mp_rank_00_model_states.pt` : "mp_rank_00_model_states.pt";
      files.set(name, modelFile(toy, worker));
    }
    files.set(`zero_pp_rank_${worker}_mp_rank_00_optim_states.pt`, optimizerFile(toy, worker));
  }
  return files;
}

function modelFile(
  { stage, groups, workers, frozen = [], shared = {}, changeModel }: Toy,
  worker: number,
): Uint8Array {
  const draft = new TorchDraft();
  const whole = ({ values, shape }: Parameter): Code =>
    stage === 3 ? draft.tensor([], [0]) : draft.tensor(values, shape);
  const all = [...groups.flat(), ...frozen];
  const hasFrozen = stage > 1;
  draft.entries = {
    module: record(Object.fromEntries(all.map((parameter) => [parameter.name, whole(parameter)]))),
    buffer_names: list(),
    optimizer: none,
    param_shapes: list(...groups.map(shapesOf)),
    frozen_param_shapes: hasFrozen ? shapesOf(frozen) : none,
    frozen_param_fragments: hasFrozen
      ? record(
          Object.fromEntries(
            frozen.map((parameter) => [
              parameter.name,
              stage === 3
                ? draft.tensor(shareOf(parameter.values, workers, worker))
                : draft.tensor(parameter.values, parameter.shape),
            ]),
          ),
        )
      : none,
    shared_params: record(
      worker === 0 ? Object.fromEntries(Object.entries(shared).map(([a, b]) => [a, str(b)])) : {},
    ),
    lr_scheduler: none,
    global_steps: int(7),
    dp_world_size: int(workers),
    ds_version: str("0.19.6"),
  };
  changeModel?.(draft, worker);
  return draft.bytes();
}

/** A worker's share of one parameter in stage 3, filled up with zeros. */
function shareOf(values: readonly number[], workers: number, worker: number): number[] {
  const share = Math.ceil(values.length / workers);
  return Array.from({ length: share }, (_, at) => values[worker * share + at] ?? 0);
}

/** A worker's share of a flat group in stages 1 and 2: its elements, and those with padding. */
function partOf(parameters: readonly Parameter[], workers: number, worker: number): [number[], number[]] {
  const flat = parameters.flatMap(({ values }) => values);
  const share = Math.ceil(flat.length / (2 * workers)) * 2;
  const own = flat.slice(worker * share, (worker + 1) * share);
  return [own, Array.from({ length: share }, (_, at) => own[at] ?? 0)];
}

function optimizerFile(toy: Toy, worker: number): Uint8Array {
  const { stage, groups, workers, isBf16Optimizer, bufferElements, changeOptimizer } = toy;
  const draft = new TorchDraft();
  const state = (values: readonly number[]): Code =>
    record({ step: int(7), exp_avg: draft.tensor(values.map(momentOf)) });
  const setting = (members: readonly number[]): Code =>
    record({ lr: [0x47, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], params: list(...members.map(int)) });
  let inner: Entries;
  if (stage === 3) {
    const flats = groups.map((group) => group.flatMap(({ values }) => shareOf(values, workers, worker)));
    const buffers = bufferElements === undefined ? flats : cut(flats.flat(), bufferElements);
    const members = bufferElements === undefined ? groups.map((_, at) => [at]) : [buffers.map((_, at) => at)];
    inner = {
      zero_stage: int(3),
      partition_count: int(workers),
      optimizer_state_dict: record({
        state: dict(...buffers.map((values, at) => [int(at), state(values)] as const)),
        param_groups: list(...members.map(setting)),
      }),
      fp32_flat_groups: list(...buffers.map((values) => draft.tensor(values))),
    };
  } else {
    const parts = groups.map((group) => partOf(group, workers, worker));
    inner = {
      ...(isBf16Optimizer !== true && { zero_stage: int(stage) }),
      partition_count: list(...groups.map(() => int(workers))),
      base_optimizer_state: record({
        state: dict(...parts.map(([, padded], at) => [int(at), state(padded)] as const)),
        param_groups: list(...parts.map((_, at) => setting([at]))),
      }),
      single_partition_of_fp32_groups: list(
        ...parts.map(([own, padded]) => draft.tensor(isBf16Optimizer === true ? padded : own)),
      ),
      ds_version: str("0.19.6"),
    };
  }
  changeOptimizer?.(draft, worker, inner);
  draft.entries["optimizer_state_dict"] = record(inner);
  return draft.bytes();
}

function cut(values: readonly number[], length: number): number[][] {
  const pieces: number[][] = [];
  for (let at = 0; at < values.length; at += length) pieces.push(values.slice(at, at + length));
  return pieces;
}

export function fragment(start: number, numel: number): Code {
  const made = call(
    global("copyreg", "__newobj__"),
    global("deepspeed.utils.tensor_fragment", "fragment_address"),
  );
  return build(made, record({ numel: int(numel), start: int(start) }));
}

/** A parameter with values that no other one has. */
export function parameter(name: string, shape: readonly number[], from: number): Parameter {
  return { name, shape, values: Array.from({ length: count(shape) }, (_, at) => from + at + 0.25) };
}

export { dict, int, list, none, record, str };
