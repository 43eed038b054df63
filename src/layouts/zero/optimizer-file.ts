import type { JsonRecord, Tensor } from "../../core/index.ts";
import { tensorsIn } from "../../formats/index.ts";
import type { PickleValue } from "../../pickle/index.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { jsonOf } from "./as-json.ts";
import { countOf, enumValueOf, Fields, malformed, shownValue } from "./fields.ts";
import { workersLimit } from "./limits.ts";
import { type Fragment, readMappings } from "./mappings.ts";
import type { TagPlace } from "./tag.ts";
import type { TagFile } from "./wire.ts";

/** State of one flat buffer: tensors as long as it, and what counts for all of it (`step`). */
export type BufferState = ReadonlyMap<string, Tensor | number>;

/** A `*_optim_states.pt`: one worker's share, typed. No tensor is read. */
export interface OptimizerFile {
  readonly path: string;
  readonly fields: Fields;
  readonly stage: 1 | 2 | 3;
  /** Workers that share each flat buffer. */
  readonly partitionCounts: readonly number[];
  /** fp32 masters, one 1-D tensor a param group, in stage 3 one a sub-group. */
  readonly masters: readonly Tensor[];
  readonly states: readonly BufferState[];
  /** Param groups by the flat buffers in them. Absent in elastic saves, which keep no hyper-parameters. */
  readonly groups:
    | readonly { readonly settings: JsonRecord; readonly buffers: readonly number[] }[]
    | undefined;
  /** Stages 1 and 2: where DeepSpeed believes each parameter to lie in this share. */
  readonly mappings: readonly ReadonlyMap<string, Fragment>[] | undefined;
  /** Place → what is there that is read into nothing: no tensor, no number that f32 holds, no setting that JSON can say. */
  readonly left: ReadonlyMap<string, string>;
}

export type OptimizerPlace = Extract<TagFile, { kind: "optimizer" }>;

/** @throws FormatError TENON_ZERO_MALFORMED, TENON_ZERO_STAGE_UNKNOWN, and what reading pickles throws */
export async function readOptimizerFile(
  files: CheckpointFiles,
  place: TagPlace,
  file: OptimizerPlace,
): Promise<OptimizerFile> {
  const { path, object } = await files.openObject(place.directory + file.path);
  const fields = new Fields(object as PickleValue, "the file", path).dict("optimizer_state_dict");
  if (fields === undefined) throw malformed("optimizer_state_dict", undefined, "a dict", path);
  const stage = stageOf(fields);
  const mastersKey = stage === 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups";
  const masters = flatTensors(fields, mastersKey, files);
  const base = fields.get(stage === 3 ? "optimizer_state_dict" : "base_optimizer_state");
  const isElastic = Array.isArray(base);
  const inner = isElastic ? undefined : new Fields(base, "the optimizer's state", path);
  const state = inner?.dict("state")?.map;
  const dicts = isElastic ? base : masters.map((_, at) => state?.get(at));
  if (isElastic && base.length !== masters.length)
    throw malformed("the length of base_optimizer_state", base.length, String(masters.length), path);
  const left = new Map<string, string>();
  for (const [key, value] of state ?? [])
    if (typeof key !== "number" || key >= masters.length) left.set(`state.${key}`, shownValue(value));
  return {
    path,
    fields,
    stage,
    partitionCounts: partitionCounts(fields, masters.length),
    masters,
    states: masters.map((_, at) => bufferState(dicts[at], at, { path, files, left })),
    groups: inner && paramGroups(inner, masters.length, left),
    mappings: readMappings(fields),
    left,
  };
}

/** BF16_Optimizer, which partitions as stage 1 does, writes no stage. */
function stageOf(fields: Fields): 1 | 2 | 3 {
  const found = enumValueOf(fields.get("zero_stage"));
  if (found === undefined && fields.get("single_partition_of_fp32_groups") !== undefined) return 1;
  if (found === 1 || found === 2 || found === 3) return found;
  throw malformed("zero_stage", found, "1, 2 or 3", fields.path, "TENON_ZERO_STAGE_UNKNOWN");
}

function partitionCounts(fields: Fields, buffers: number): readonly number[] {
  const found = fields.get("partition_count");
  const all = Array.isArray(found) ? found : Array.from({ length: Math.max(buffers, 1) }, () => found);
  const counts = all.map((count) => countOf(count, "partition_count", fields.path));
  const odd = counts.find((count) => count < 1 || count > workersLimit);
  if (odd !== undefined) throw malformed("partition_count", odd, `1 to ${workersLimit} workers`, fields.path);
  if (Array.isArray(found) && counts.length !== buffers)
    throw malformed("the length of partition_count", counts.length, String(buffers), fields.path);
  return counts;
}

function flatTensors(fields: Fields, key: string, files: CheckpointFiles): readonly Tensor[] {
  const list = fields.list(key);
  if (list === undefined) throw malformed(key, undefined, "a list of fp32 tensors", fields.path);
  const found = new Map<number, Tensor>();
  for (const [[at], tensor] of tensorsIn([...list], { file: fields.path, report: files.options.report }))
    found.set(Number(at), tensor);
  return list.map((value, at) => {
    const tensor = found.get(at);
    if (tensor === undefined) throw malformed(`${key}[${at}]`, value, "a tensor", fields.path);
    if (tensor.dtype !== "F32" || tensor.shape.length !== 1) {
      const shown = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
      throw malformed(`${key}[${at}]`, shown, "a 1-D fp32 tensor", fields.path);
    }
    return tensor;
  });
}

function bufferState(
  value: PickleValue | undefined,
  at: number,
  { path, files, left }: { path: string; files: CheckpointFiles; left: Map<string, string> },
): BufferState {
  const state = new Map<string, Tensor | number>();
  // Before the first step there is none.
  if (value === undefined) return state;
  const dict = new Fields(value, `state of flat buffer ${at}`, path);
  for (const [keys, tensor] of tensorsIn(dict.map, { file: path, report: files.options.report }))
    state.set(keys.join("."), tensor);
  const withTensors = new Set([...state.keys()].map((key) => key.split(".")[0]));
  for (const [key, item] of dict.map) {
    if (typeof key === "string" && typeof item === "number" && Object.is(Math.fround(item), item))
      state.set(key, item);
    else if (typeof key !== "string" || !withTensors.has(key))
      left.set(`state.${at}.${key}`, shownValue(item));
  }
  return state;
}

/**
 * Param groups by the flat buffers in them, each of which is in one.
 * @param left is told of settings that JSON has no word for, such as a learning rate that is a tensor
 * @throws FormatError TENON_ZERO_MALFORMED
 */
export function paramGroups(
  inner: Fields,
  buffers: number,
  left: Map<string, string>,
): NonNullable<OptimizerFile["groups"]> {
  const seen = new Set<number>();
  return (inner.list("param_groups") ?? []).map((group, at) => {
    const what = `param_groups[${at}]`;
    const fields = new Fields(group, what, inner.path);
    const members = (fields.list("params") ?? []).map((each) => {
      const index = countOf(each, `${what}.params`, inner.path);
      if (index >= buffers || seen.has(index))
        throw malformed(`${what}.params`, index, "each flat buffer once", inner.path);
      seen.add(index);
      return index;
    });
    const settings = Object.create(null) as Record<string, NonNullable<JsonRecord[string]>>;
    for (const [key, value] of fields.map) {
      if (key === "params") continue;
      const place = `${what}.${key}`;
      const { json, left: lost } = jsonOf(value, place);
      if (typeof key !== "string") left.set(place, shownValue(value));
      else if (json !== undefined) settings[key] = json as never;
      for (const each of lost) left.set(each, each === place ? shownValue(value) : "no plain value");
    }
    return { settings, buffers: members };
  });
}
