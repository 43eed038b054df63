import type { Json, JsonRecord, OptimizerComponent, Tensor } from "../core/index.ts";
import { FormatError } from "../core/index.ts";
import { type TensorPath, tensorsIn } from "../formats/index.ts";
import { PickleMap, type PickleValue } from "../pickle/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";

/**
 * Reads the file that `torch.save(optimizer.state_dict())` makes (`optimizer.pt`, `optimizer.bin`):
 * `{state: {index or name: {exp_avg, …}}, param_groups: [{…, params: [index or name]}]}`. No tensor is read.
 * @throws FormatError TENON_OPTIMIZER_MALFORMED
 */
export async function readOptimizer(files: CheckpointFiles, path: string): Promise<StoredOptimizer> {
  const { file } = await files.open(path);
  const object = file.object;
  const state = object instanceof PickleMap ? object.get("state") : undefined;
  const groups = object instanceof PickleMap ? object.get("param_groups") : undefined;
  if (!(state instanceof PickleMap) || !Array.isArray(groups)) {
    const message = `optimizer: has no state and param_groups, as an optimizer's state dict has (${path})`;
    throw new FormatError("TENON_OPTIMIZER_MALFORMED", message, { details: { path } });
  }
  const states = new Map<string, Map<string, Tensor>>();
  for (const key of state.keys()) states.set(String(key), new Map());
  const report = files.options.report;
  for (const [tensorPath, tensor] of tensorsIn(state, { file: path, ...(report && { report }) })) {
    const [key, name] = splitPath(tensorPath);
    states.get(key)?.set(name, tensor);
  }
  return { file: path, states, groups: groups.map((group) => readGroup(group, path)) };
}

/** An optimizer as its file has it. */
export interface StoredOptimizer extends OptimizerComponent {
  readonly groups: readonly (OptimizerComponent["groups"][number] & {
    /** `param_names`, which torch 2.6 and later keep of an optimizer that was given names. */
    readonly names?: readonly string[];
  })[];
}

function splitPath([key = "", ...rest]: TensorPath): [string, string] {
  return [String(key), rest.join(".")];
}

function readGroup(group: PickleValue, path: string): StoredOptimizer["groups"][number] {
  const params = group instanceof PickleMap ? group.get("params") : undefined;
  if (!(group instanceof PickleMap) || !Array.isArray(params)) {
    const message = `optimizer: a param group has no list of params (${path})`;
    throw new FormatError("TENON_OPTIMIZER_MALFORMED", message, { details: { path } });
  }
  const settings = Object.create(null) as Record<string, Json>;
  for (const [key, value] of group) {
    if (typeof key !== "string" || key === "params" || key === "param_names") continue;
    const json = jsonFromPickle(value);
    if (json !== undefined) settings[key] = json;
  }
  const names = group.get("param_names");
  const hasNames = Array.isArray(names) && names.every((name) => typeof name === "string");
  return { parameters: params.map(String), settings, ...(hasNames && { names: names.map(String) }) };
}

/** Plain values as JSON; undefined for what JSON cannot say (tensors, objects). Tuples become lists. */
export function jsonFromPickle(value: PickleValue): Json | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return value;
  if (Array.isArray(value)) {
    const items = value.map(jsonFromPickle);
    return items.includes(undefined) ? undefined : (items as Json[]);
  }
  if (!(value instanceof PickleMap)) return undefined;
  const record = Object.create(null) as Record<string, Json>;
  for (const [key, item] of value) {
    const json = jsonFromPickle(item);
    if (json === undefined) return undefined;
    record[String(key)] = json;
  }
  return record as JsonRecord;
}
