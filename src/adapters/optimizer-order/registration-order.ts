import type { NameMeaning, Role } from "../../core/index.ts";
import { type Architecture, architectures, modulePosition } from "./architectures.ts";

/** A parameter of a live model, as far as its place among the others goes. */
export interface OrderedParameter {
  /** Path of its module in the base model; "" for a parameter of the outermost module. */
  readonly module: string;
  /** What it is in its module; see {@link placesInModule}. */
  readonly place: ModulePlace;
  /** `weight`, `bias`, or what else the base calls it. */
  readonly leaf: string;
  /** Position of its adapter among the adapters; 0 for the base. */
  readonly adapter: number;
}

/**
 * The order inside a module that PEFT wrapped: the layer itself, then the containers that `LoraLayer.__init__` registers;
 * `modules_to_save` after `original_module`, `trainable_tokens_delta` after the embedding (peft 0.21, `tuners/lora/layer.py`,
 * `utils/other.py`, `tuners/trainable_tokens/layer.py`). In a container the adapters follow each other.
 */
export const placesInModule = [
  "base", "loraA", "loraB", "loraEmbeddingA", "loraEmbeddingB", "magnitude", "saved", "tokenDelta",
] as const; // biome-ignore format: one list

export type ModulePlace = (typeof placesInModule)[number];

const placeOfRole: Partial<Record<Role, ModulePlace>> = {
  loraA: "loraA",
  loraB: "loraB",
  loraBias: "loraB",
  loraEmbeddingA: "loraEmbeddingA",
  loraEmbeddingB: "loraEmbeddingB",
  magnitude: "magnitude",
  modulesToSave: "saved",
  tokenDelta: "tokenDelta",
};

/** Where a parameter of an adapter stands in its module; undefined for what is none, or is the base's own. */
export function placeInModule({
  role,
  module,
  leaf,
}: Pick<NameMeaning, "role" | "module" | "leaf">): Omit<OrderedParameter, "adapter"> | undefined {
  const place = placeOfRole[role];
  if (place === undefined) return undefined;
  return { module, place, leaf: role === "loraBias" ? "bias" : role === "modulesToSave" ? leaf : "weight" };
}

export interface RegistrationOrder<T> {
  /** Sentence for people: whose order it is. */
  readonly evidence: string;
  readonly ordered: readonly T[];
}

/** Why no order is known. */
export interface NoOrder {
  readonly reason: string;
}

/**
 * Parameters in the order of `named_parameters()`, by the architecture that has all their modules.
 * @param modelType `model_type` of config.json; without it the names of the modules decide
 */
export function registrationOrder<T extends OrderedParameter>(
  parameters: readonly T[],
  modelType: string | undefined,
): RegistrationOrder<T> | NoOrder {
  const known = architectures.filter(
    ({ modelTypes }) => modelType === undefined || modelTypes.includes(modelType),
  );
  if (known.length === 0)
    return { reason: `the order of modules in a model of type ${modelType} is not known` };
  let stranger: string | undefined;
  for (const architecture of known) {
    const keyed = parameters.map((parameter) => ({ parameter, key: keyOf(architecture, parameter) }));
    const unknown = keyed.find(({ key }) => key === undefined);
    if (unknown !== undefined) {
      stranger ??= [unknown.parameter.module, unknown.parameter.leaf].filter((part) => part !== "").join(".");
      continue;
    }
    keyed.sort((one, other) => compare(one.key ?? [], other.key ?? []));
    const type = modelType === undefined ? "by the names of its modules" : `model_type ${modelType}`;
    return {
      evidence: `the order in which a ${architecture.name} model registers its modules (${type})`,
      ordered: keyed.map(({ parameter }) => parameter),
    };
  }
  return { reason: `the place of ${stranger ?? "a parameter"} among the modules of the model is not known` };
}

function keyOf(architecture: Architecture, parameter: OrderedParameter): readonly number[] | undefined {
  const { module, place, leaf, adapter } = parameter;
  // A module's own parameters come before those of the modules inside it.
  if (module === "") return [-1];
  const position = modulePosition(architecture, module);
  const leafAt = ["weight", "bias", ""].indexOf(leaf);
  if (position === undefined || leafAt < 0) return undefined;
  const inLayer = [...position, ...Array.from({ length: 3 - position.length }, () => 0)];
  return [...inLayer, placesInModule.indexOf(place), adapter, leafAt];
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}
