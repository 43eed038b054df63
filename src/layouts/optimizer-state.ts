import type { Json, JsonRecord, OptimizerComponent, Tensor } from "../core/index.ts";
import { FormatError } from "../core/index.ts";
import { type TensorPath, tensorsIn } from "../formats/index.ts";
import { HostValue, PickleMap, PickleRecord, type PickleValue } from "../pickle/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import { counterJson, isCounter } from "./counter.ts";
import { noteLeftState } from "./left-state.ts";
import { pythonNumber } from "./scalar-tensor.ts";

/**
 * Reads the file that `torch.save(optimizer.state_dict())` makes (`optimizer.pt`, `optimizer.bin`):
 * `{state: {index or name: {exp_avg, …}}, param_groups: [{…, params: [index or name]}]}`. No tensor is read. A step that is a
 * Python number becomes a scalar of f32 that knows so; whatever else is no tensor is observed as TENON_OPTIMIZER_STATE_LEFT.
 * @throws FormatError TENON_OPTIMIZER_MALFORMED
 */
export async function readOptimizer(files: CheckpointFiles, path: string): Promise<StoredOptimizer> {
  const { file } = await files.open(path);
  return optimizerIn(file.object, path, files);
}

/** The same of a state dict that was found in a file. @throws FormatError TENON_OPTIMIZER_MALFORMED */
export function optimizerIn(object: unknown, path: string, files: CheckpointFiles): StoredOptimizer {
  const state = object instanceof PickleMap ? object.get("state") : undefined;
  const groups = object instanceof PickleMap ? object.get("param_groups") : undefined;
  if (!(state instanceof PickleMap) || !Array.isArray(groups)) {
    const message = `optimizer: has no state and param_groups, as an optimizer's state dict has (${path})`;
    throw new FormatError("TENON_OPTIMIZER_MALFORMED", message, { details: { path } });
  }
  const left = new Map<string, string>();
  for (const key of (object as PickleMap).keys())
    if (key !== "state" && key !== "param_groups")
      left.set(spell(key), foundIn((object as PickleMap).get(key)));
  const states = new Map<string, Map<string, Tensor>>();
  for (const [key, value] of state)
    states.set(String(key), plainState(value, `state.${spell(key)}`, `${files.tree.location}/${path}`, left));
  const report = files.options.report;
  for (const [tensorPath, tensor] of tensorsIn(state, { file: path, ...(report && { report }) })) {
    const [key, name] = splitPath(tensorPath);
    states.get(key)?.set(name, tensor);
  }
  const read = groups.map((group, at) => readGroup(group, at, path, left));
  noteLeftState(files, path, left);
  return { file: path, states, groups: read };
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

/** The numbers among the states of a parameter. Tensors are for whoever walks the whole file. */
function plainState(
  state: PickleValue | undefined,
  place: string,
  location: string,
  left: Map<string, string>,
): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  if (!(state instanceof PickleMap)) left.set(place, foundIn(state));
  else
    for (const [key, value] of state) {
      const name = `${place}.${spell(key)}`;
      if (isTensor(value) && typeof key === "string") continue;
      const number = typeof value === "number" ? pythonNumber(name, value, location) : undefined;
      if (number === undefined || typeof key !== "string") left.set(name, foundIn(value));
      else found.set(key, number);
    }
  return found;
}

function spell(key: PickleValue): string {
  return typeof key === "string" || typeof key === "number" ? String(key) : `<${foundIn(key)}>`;
}

/** What stands there, for messages. */
function foundIn(value: PickleValue | undefined): string {
  if (value === null || value === undefined) return "None";
  if (typeof value !== "object")
    return typeof value === "string" ? "text" : `${typeof value} ${String(value)}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof PickleMap) return `a dict of ${value.size}`;
  if (value instanceof PickleRecord) return `an object of ${value.global}`;
  return isTensor(value) ? `a tensor of ${value.dtype} [${value.shape.join(", ")}]` : "an object";
}

function isTensor(value: PickleValue | undefined): value is PickleValue & Tensor {
  return value instanceof HostValue && "read" in value && "dtype" in value;
}

function readGroup(
  group: PickleValue,
  at: number,
  path: string,
  left: Map<string, string>,
): StoredOptimizer["groups"][number] {
  const params = group instanceof PickleMap ? group.get("params") : undefined;
  if (!(group instanceof PickleMap) || !Array.isArray(params)) {
    const message = `optimizer: a param group has no list of params (${path})`;
    throw new FormatError("TENON_OPTIMIZER_MALFORMED", message, { details: { path } });
  }
  const settings = Object.create(null) as Record<string, Json>;
  for (const [key, value] of group) {
    if (key === "params" || key === "param_names") continue;
    const json = jsonFromPickle(value);
    if (json === undefined || typeof key !== "string")
      left.set(`param_groups.${at}.${spell(key)}`, foundIn(value));
    else settings[key] = json;
  }
  const names = group.get("param_names");
  const hasNames = Array.isArray(names) && names.every((name) => typeof name === "string");
  return { parameters: params.map(String), settings, ...(hasNames && { names: names.map(String) }) };
}

/** Plain values as JSON; undefined for what JSON cannot say (tensors, objects, keys that are no text). Tuples become lists. */
export function jsonFromPickle(value: PickleValue): Json | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return value;
  if (Array.isArray(value)) {
    const items = value.map(jsonFromPickle);
    return items.includes(undefined) ? undefined : (items as Json[]);
  }
  if (!(value instanceof PickleMap)) return undefined;
  if (isCounter(value)) return counterJson(value);
  const record = Object.create(null) as Record<string, Json>;
  for (const [key, item] of value) {
    const json = jsonFromPickle(item);
    // A number would come back as a text, and find nothing; `$` begins what documents spell.
    if (json === undefined || typeof key !== "string" || key.startsWith("$")) return undefined;
    record[key] = json;
  }
  return record as JsonRecord;
}
