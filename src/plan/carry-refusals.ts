// What cannot go along. Nothing is left out in silence: each refusal names it, and says how to leave it out.
import {
  type Entry,
  elementCount,
  type Json,
  type Observation,
  PlanError,
  UnsupportedError,
} from "../core/index.ts";
import type { CarryOptions } from "./carried.ts";
import { isNamed } from "./carry-optimizer.ts";
import type { Components, Drops } from "./drops.ts";

/** Most names in the details of one error. */
const namesListed = 1000;

interface Found {
  readonly code: string;
  /** What is wrong with them, after the count: "tensors have no elements". */
  readonly what: string;
  readonly entries: readonly Entry[];
  readonly hint: (drops: string) => string;
}

/** @throws PlanError, see `carry` */
export function refuseUncarried(source: Components, drops: Drops, options: CarryOptions): void {
  const { verb } = options;
  const several = observed(source, "TENON_NAMES_SEVERAL_MODELS");
  if (several !== undefined && !drops.component("base")) throw severalModels(several, source, verb);
  const entries = carriedEntries(source, drops);
  const outside = new Set(observed(source, "TENON_NAMES_OUTSIDE_MODEL")?.names);
  const found: Found[] = [
    {
      code: "TENON_TENSOR_OUTSIDE_MODEL",
      what: "stand beside the model, in the module that held it, and belong to neither base nor adapter",
      entries: entries.filter(
        ({ tensor, meaning }) => meaning.role !== "foreign" && outside.has(tensor.name),
      ),
      hint: (names) => `Leave out what is not part of the model: ${names}`,
    },
    {
      code: "TENON_TENSOR_UNPLACED",
      what: "belong to another adapter type or ecosystem, or to no adapter that is named",
      entries: entries.filter((entry) => entry.meaning.role === "foreign" || isNameless(entry)),
      hint: (names) => `Leave them out: ${names}`,
    },
    {
      code: "TENON_TENSOR_WITHOUT_ELEMENTS",
      what: "have no elements, as ZeRO-3 leaves them when saved without gathering",
      entries: entries.filter(({ tensor }) => elementCount(tensor.shape) === 0),
      hint: () => "Save again with the parameters gathered (stage3_gather_16bit_weights_on_model_save).",
    },
  ];
  for (const each of found) if (each.entries.length > 0) throw refusal(each, source, verb);
  const quantised = entries.filter(({ meaning }) => meaning.role === "quantState");
  if (quantised.length > 0) throw quantisedBase(quantised, source, verb);
  for (const { code, facts, names } of source.observations) {
    const adapter = facts?.["adapter"];
    if (code === "TENON_ADAPTER_STORED_TWICE" && typeof adapter === "string" && !drops.adapter(adapter))
      throw storedTwice(adapter, names, source, verb);
  }
  refuseTraining(source, drops, options);
}

/** What PEFT leaves behind of saved modules with bias="all": named like them, with the adapter's name lost. */
export function isStray({ meaning: { role, adapter, leaf } }: Entry): boolean {
  return (
    leaf === "bias" && (role === "originalModule" || (role === "modulesToSave" && adapter === undefined))
  );
}

function isNameless(entry: Entry): boolean {
  const { role, adapter } = entry.meaning;
  return role === "modulesToSave" && adapter === undefined && !isStray(entry);
}

/** Every stored tensor that was not asked to be left out, with those of adapters in their adapters' reading. */
function carriedEntries(source: Components, drops: Drops): Entry[] {
  const owners = new Map<string, string>();
  const adapterEntries = [...source.adapters.values()].flatMap(({ name, entries }) => {
    for (const { tensor } of entries) owners.set(tensor.id, name);
    return entries;
  });
  const rest = source.entries.filter(({ tensor }) => !owners.has(tensor.id));
  return [
    ...adapterEntries.filter((entry) => {
      const owner = owners.get(entry.tensor.id) as string;
      return !drops.adapter(owner) && !drops.entry(entry, owner);
    }),
    ...rest.filter((entry) => {
      if (drops.entry(entry, undefined)) return false;
      return entry.meaning.role === "foreign" || !drops.component("base");
    }),
  ];
}

/** Optimizer and trainer state that the target has no place for, or that has no names. All of it in one message. */
function refuseTraining(source: Components, drops: Drops, { verb, target, holds }: CarryOptions): void {
  const { optimizer, trainer } = source;
  const lost: string[] = [];
  const remedies: string[] = [];
  const hasOptimizer = optimizer !== undefined && !drops.component("optimizer");
  if (hasOptimizer && (!holds.includes("optimizer") || !isNamed(source))) {
    lost.push(`optimizer state of ${optimizer.states.size} parameters (${optimizer.file})`);
    remedies.push("--drop optimizer");
  }
  if (trainer !== undefined && !drops.component("trainer") && !holds.includes("trainer")) {
    lost.push(`trainer state (${[...trainer.documents.keys()].join(", ")})`);
    remedies.push("--drop trainer");
  }
  if (lost.length === 0) return;
  const isByIndex = hasOptimizer && holds.includes("optimizer");
  const why = isByIndex ? "which goes by running numbers, so its parameters cannot be named yet" : "";
  const message = `${verb}: the layout ${target} cannot hold ${[lost.join(" and "), why].filter(Boolean).join(", ")} (${source.location})`;
  throw new PlanError(isByIndex ? "TENON_OPTIMIZER_UNNAMED" : "TENON_LAYOUT_CANNOT_HOLD", message, {
    details: { layout: target, lost, optimizerStates: optimizer?.states.size ?? 0 },
    hint: `Leave it out: ${remedies.join(" ")}`,
  });
}

function refusal({ code, what, entries, hint }: Found, source: Components, verb: string): PlanError {
  const names = entries.map(({ tensor }) => tensor.name);
  const drops = names.slice(0, 3).map((name) => `--drop ${name}`);
  const more = names.length > 3 ? ` and so on for ${names.length - 3} more` : "";
  return new PlanError(code, `${verb}: ${listed(names)} ${what} (${source.location})`, {
    details: { names: names.slice(0, namesListed), count: names.length, source: source.location },
    hint: hint(drops.join(" ") + more),
  });
}

/** `3 tensors (a, b, c)`. */
export function listed(names: readonly string[]): string {
  const some = names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
  return `${names.length} ${names.length === 1 ? "tensor" : "tensors"} (${some})`;
}

function observed(source: Components, code: string): Observation | undefined {
  return source.observations.find((each) => each.code === code);
}

function quantisedBase(entries: readonly Entry[], source: Components, verb: string): UnsupportedError {
  const names = entries.map(({ tensor }) => tensor.name);
  const message = `${verb}: the base is quantised, ${listed(names)} are its scales and maps, and no layout here keeps it exact (${source.location})`;
  return new UnsupportedError("TENON_BASE_QUANTISED", message, {
    details: { names: names.slice(0, namesListed), count: names.length, source: source.location },
    hint: "Keep the adapters alone, they are exact: --drop base",
  });
}

function severalModels({ facts }: Observation, source: Components, verb: string): PlanError {
  const attributes: Json = facts?.["attributes"] ?? [];
  const found = Array.isArray(attributes) ? attributes.join(", ") : "";
  return new PlanError(
    "TENON_MODELS_SEVERAL",
    `${verb}: several models are stored together: ${found} (${source.location})`,
    {
      details: { attributes, source: source.location },
      hint: "Save each model by itself.",
    },
  );
}

function storedTwice(adapter: string, files: readonly string[], source: Components, verb: string): PlanError {
  const message = `${verb}: adapter ${JSON.stringify(adapter)} is stored ${files.length} times: ${files.join(", ")} (${source.location})`;
  return new PlanError("TENON_ADAPTER_TWICE", message, {
    details: { adapter, files, source: source.location },
    hint: "Point at the folder of the one that counts, or remove the other.",
  });
}

export function carriedTwice(parameter: string, adapters: readonly string[], verb: string): PlanError {
  const message = `${verb}: "${parameter}" of the base is stored with adapters ${adapters.join(" and ")}, and which one counts is not said`;
  return new PlanError("TENON_BASE_CARRIED_TWICE", message, {
    details: { parameter, adapters },
    hint: `Leave one of them out: --drop adapter:${adapters[1]}`,
  });
}
