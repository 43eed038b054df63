// Which parameters the live model had, as far as a checkpoint tells: what an optimizer can have counted.
import {
  canonicalName,
  isBufferName,
  type OrderedParameter,
  peftMemoryName,
  placeInModule,
  registrationOrder,
} from "../adapters/index.ts";
import type { AdapterComponent, Entry, Tensor, TensorMeta } from "../core/index.ts";
import type { KnownBase } from "./known-base.ts";
import type { ModelPart } from "./model-part.ts";
import type { Alignable } from "./shape-alignment.ts";

export interface LiveParameter extends OrderedParameter, Alignable {
  /** Canonical name. */
  readonly name: string;
  /** Name in the live model, but for prefixes of wrappers. */
  readonly liveName: string;
  /** Every name that a user may call it by. */
  readonly aliases: readonly string[];
}

export interface LiveParameters {
  readonly parameters: readonly LiveParameter[];
  /** Whether the whole model is known, so that every counted parameter must be among them. */
  readonly isWhole: boolean;
  /** Where their order comes from, or why it is not known. */
  readonly order: { readonly evidence: string } | { readonly reason: string };
}

/** @returns the parameters in the order of `named_parameters()` where that is known */
export function liveParameters(model: ModelPart, known: KnownBase | undefined): LiveParameters {
  const found = [...baseParameters(model, known), ...adapterParameters(model), ...strayParameters(model)];
  const isWhole = known !== undefined || model.base?.isComplete === true;
  const inFile = savedOrder(model.entries);
  if (inFile !== undefined && found.every(({ aliases }) => aliases.some((name) => inFile.has(name)))) {
    const at = ({ aliases }: LiveParameter): number =>
      Math.min(...aliases.map((name) => inFile.get(name) ?? Number.POSITIVE_INFINITY));
    return {
      parameters: [...found].sort((one, other) => at(one) - at(other)),
      isWhole,
      order: { evidence: "the order of the state dict, in which torch.save keeps them" },
    };
  }
  const modelType = (model.base?.config ?? known?.config)?.["model_type"];
  const order = registrationOrder(found, typeof modelType === "string" ? modelType : undefined);
  if ("reason" in order) return { parameters: found, isWhole, order };
  return { parameters: order.ordered, isWhole, order };
}

function baseParameters(model: ModelPart, known: KnownBase | undefined): LiveParameter[] {
  const tensors = new Map<string, TensorMeta>([...(known?.tensors ?? []), ...(model.base?.tensors ?? [])]);
  for (const { replacements } of model.adapters.values())
    for (const { kind, parameter, tensor } of replacements)
      if (kind !== "modulesToSave") tensors.set(parameter, tensor);
  const owners = new Map([...(known?.ties ?? []), ...(model.base?.ties ?? [])]);
  const saved = savedParameters(model.adapters.values());
  const stored = new Map<string, string[]>();
  for (const { tensor, meaning } of model.entries) {
    if (!/^(?:plain|baseLayer|originalModule|tokenBase)$/.test(meaning.role)) continue;
    const name = canonicalName(meaning);
    stored.set(name, [...(stored.get(name) ?? []), tensor.name]);
  }
  const parameters: LiveParameter[] = [];
  for (const [name, { shape, dtype }] of tensors) {
    if (isBufferName(name) || !/^(?:BF16|F16|F32|F64)$/.test(dtype)) continue;
    const aliases = [...owners].flatMap(([alias, owner]) => (owner === name ? [alias] : []));
    if (owners.has(name) && tensors.has(owners.get(name) ?? "")) continue;
    // Of tied parameters the first to be registered gives the name; embeddings come before heads.
    const first = [name, ...aliases].find((each) => /embed|wte/.test(each)) ?? name;
    parameters.push({
      ...split(first),
      name,
      liveName: first,
      place: "base",
      adapter: 0,
      shape,
      isUnused: saved.has(name),
      aliases: [name, ...aliases, ...(stored.get(name) ?? [])],
    });
  }
  return parameters;
}

/** Base parameters that an adapter has a trained copy of: the base's own is out of the way then. */
function savedParameters(adapters: Iterable<AdapterComponent>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { replacements } of adapters)
    for (const { kind, parameter } of replacements) if (kind === "modulesToSave") names.add(parameter);
  return names;
}

function adapterParameters({ adapters }: ModelPart): LiveParameter[] {
  const parameters: LiveParameter[] = [];
  for (const [at, adapter] of [...adapters.values()].entries()) {
    const kinds = new Map(adapter.replacements.map((each) => [each.tensor.id, each]));
    for (const { tensor, meaning } of adapter.entries) {
      const replacement = kinds.get(tensor.id);
      if (replacement !== undefined && replacement.kind !== "modulesToSave") continue;
      const role = replacement === undefined ? meaning.role : "modulesToSave";
      const place = placeInModule({ ...meaning, role });
      if (place === undefined) continue;
      const name = canonicalName({ ...meaning, role, adapter: adapter.name });
      const liveName = peftMemoryName({ ...meaning, role }, adapter.name);
      parameters.push({
        name,
        liveName,
        ...place,
        adapter: at,
        shape: tensor.shape,
        isUnused: false,
        aliases: [name, liveName, tensor.name],
      });
    }
  }
  return parameters;
}

/** Parameters of a module around the model: known by the name that they are stored under. */
function strayParameters({ entries, base, adapters }: ModelPart): LiveParameter[] {
  const used = new Set<string>([...(base?.tensors.values() ?? [])].map(({ id }) => id));
  for (const { entries: own } of adapters.values()) for (const { tensor } of own) used.add(tensor.id);
  const names = new Set([...(base?.tensors.keys() ?? []), ...(base?.ties.keys() ?? [])]);
  return entries.flatMap(({ tensor, meaning }): LiveParameter[] => {
    if (used.has(tensor.id) || meaning.role !== "plain" || names.has(canonicalName(meaning))) return [];
    const { name, shape } = tensor;
    const own = { ...split(name), place: "base", adapter: 0 } as const;
    return [
      { ...own, name: canonicalName(meaning), liveName: name, shape, isUnused: false, aliases: [name] },
    ];
  });
}

/** Stored name → place in the file, for a state dict that torch.save wrote; undefined where another order counts. */
function savedOrder(entries: readonly Entry[]): ReadonlyMap<string, number> | undefined {
  const order = new Map<string, number>();
  const storages = new Set<string>();
  for (const { tensor } of entries) {
    // Only torch.save says which tensors share memory; and it keeps the order of the dict.
    if (tensor.storage === undefined && tensor.byteLength > 0) return undefined;
    if (isAdapterFile(tensor)) return undefined;
    if (tensor.storage !== undefined && storages.has(tensor.storage)) continue;
    if (tensor.storage !== undefined) storages.add(tensor.storage);
    order.set(tensor.name, order.size);
  }
  return order.size > 0 && !isSorted(entries) ? order : undefined;
}

/**
 * As safetensors sorts: wide dtypes first, then by name. Such a file was made from one or written as one, and its order is not
 * the model's.
 */
function isSorted(entries: readonly Entry[]): boolean {
  if (entries.length < 3) return false;
  const dtypes = new Set(entries.map(({ tensor }) => tensor.dtype));
  const isBelow = ({ tensor }: Entry, at: number): boolean =>
    at > 0 && (entries[at - 1]?.tensor.name ?? "") > tensor.name;
  return entries.filter(isBelow).length < dtypes.size;
}

/** PEFT's own files hold the adapter alone, and say nothing about what lies between its parts. */
function isAdapterFile({ file }: Tensor): boolean {
  return /(?:^|\/)adapter_model\.[a-z]+$/.test(file);
}

function split(name: string): { readonly module: string; readonly leaf: string } {
  const dot = name.lastIndexOf(".");
  return { module: name.slice(0, Math.max(0, dot)), leaf: name.slice(dot + 1) };
}
