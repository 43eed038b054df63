import {
  FormatError,
  isJsonRecord,
  type Json,
  type JsonRecord,
  type OptimizerComponent,
  type Tensor,
} from "../../core/index.ts";
import { pythonNumber } from "../scalar-tensor.ts";
import type { ObjectReader } from "./objects.ts";
import { type GroupParts, optimizerParts } from "./optimizer-names.ts";
import type { StateLeaf, StateNode } from "./state-tree.ts";

export interface OptimizerSource {
  /** Where it was found, for messages: the folder of the checkpoint. */
  readonly file: string;
  /** Unique among everything that is open, for the ids of values that become tensors. */
  readonly location: string;
  /** Whether a leaf lies in a file that is not there; it is left out then. */
  readonly isLost: (leaf: StateLeaf) => boolean;
  readonly reader: ObjectReader;
  readonly tensor: (leaf: Extract<StateLeaf, { kind: "tensor" }>) => Tensor;
  /** Canonical names of parameters by the names that they are stored under. */
  readonly canonical: (stored: readonly string[]) => ReadonlyMap<string, string>;
  /** Told of leaves that are neither tensors nor plain values. */
  readonly left: (names: readonly string[]) => void;
}

type Group = OptimizerComponent["groups"][number];

/**
 * Reads an optimizer by canonical parameter names. No moment is read.
 * @throws FormatError TENON_OPTIMIZER_MALFORMED
 */
export async function readDcpOptimizer(
  node: StateNode,
  source: OptimizerSource,
): Promise<OptimizerComponent> {
  const parts = optimizerParts(node);
  const groups = await groupsOf(parts.groups, source);
  const stored = [...new Set([...parts.states.keys(), ...groups.flatMap(({ parameters }) => parameters)])];
  const names = source.canonical(stored.filter((name) => !/^\d+$/.test(name)));
  const named = (name: string): string => names.get(name) ?? name;
  const states = new Map<string, Map<string, Tensor>>();
  for (const [parameter, leaves] of parts.states) {
    const state = new Map<string, Tensor>();
    for (const [key, leaf] of leaves) {
      if (source.isLost(leaf)) continue;
      // A list or dict of states, of which a target would make names with dots.
      if (key.includes(".")) source.left([leaf.name]);
      const tensor = leaf.kind === "tensor" ? source.tensor(leaf) : await valueTensor(leaf, source);
      if (tensor !== undefined) state.set(key, tensor);
    }
    const name = named(parameter);
    if (states.has(name)) malformed(`holds the state of ${name} twice`, source.file);
    states.set(name, state);
  }
  return {
    file: source.file,
    states,
    groups: groups.map(({ parameters, settings }) => ({ parameters: parameters.map(named), settings })),
    ...(Array.isArray(parts.groups) && isSpread(parts.groups) && { orderUnknown: spread }),
  };
}

const spread = "several ranks wrote the settings of DCP's flattened param groups, and their order with them";

/**
 * Each rank lists Python values in the optimizer's order, but torch 2.13 gives each value to the rank that has least to write
 * (`dedup_save_plans`), and `.metadata` lists rank by rank: with many ranks some parameters first appear in a later one.
 */
function isSpread(groups: readonly GroupParts[]): boolean {
  const ranks = new Set<string>();
  for (const { settings } of groups)
    for (const leaf of settings.values())
      if (leaf.kind === "object") ranks.add(/^__(\d+)_/.exec(leaf.place.file)?.[1] ?? leaf.place.file);
  return ranks.size > 1;
}

/** A step that is a Python number becomes a scalar of f32, as torch's own optimizers keep it. */
async function valueTensor(
  leaf: StateLeaf,
  { reader, left, location }: OptimizerSource,
): Promise<Tensor | undefined> {
  const value = await reader.json(leaf);
  const tensor = typeof value === "number" ? pythonNumber(leaf.name, value, location) : undefined;
  if (tensor === undefined) left([leaf.name]);
  return tensor;
}

async function groupsOf(
  groups: readonly GroupParts[] | StateNode | StateLeaf | undefined,
  source: OptimizerSource,
): Promise<Group[]> {
  if (groups === undefined) return malformed("has no param_groups", source.file);
  if ("kind" in groups) {
    const { value, left } = await source.reader.nested(groups);
    source.left(left);
    if (!Array.isArray(value)) return malformed("has no list of param_groups", source.file);
    return (value as readonly Json[]).map((group) => nestedGroup(group, source.file));
  }
  return regrouped(groups, source);
}

function nestedGroup(group: Json, file: string): Group {
  const params = isJsonRecord(group) ? group["params"] : undefined;
  if (!isJsonRecord(group) || !Array.isArray(params)) return malformed("has a group without params", file);
  const settings = Object.create(null) as Record<string, Json>;
  for (const [key, value] of Object.entries(group)) if (key !== "params") settings[key] = value;
  return { parameters: (params as readonly Json[]).map(String), settings };
}

/**
 * Flattened groups lose their borders; parameters with the same settings make one group again. Their order is that of
 * the state dict, group by group, unless {@link isSpread}.
 */
async function regrouped(parts: readonly GroupParts[], source: OptimizerSource): Promise<Group[]> {
  const groups = new Map<string, { parameters: string[]; settings: JsonRecord }>();
  for (const { parameter, settings } of parts) {
    const found = await source.reader.nested({ kind: "dict", entries: new Map(settings) });
    source.left(found.left);
    const record = (found.value ?? {}) as JsonRecord;
    const key = JSON.stringify(record);
    const group = groups.get(key) ?? { parameters: [], settings: record };
    group.parameters.push(parameter);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function malformed(complaint: string, file: string): never {
  throw new FormatError("TENON_OPTIMIZER_MALFORMED", `optimizer: ${complaint} (${file})`, {
    details: { path: file },
  });
}
