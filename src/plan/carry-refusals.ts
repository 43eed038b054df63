// What cannot go along. Nothing is left out in silence: each refusal names it, and says how to leave it out.
// Where reading observed the same thing, the refusal has the observation's code.
import { type Entry, elementCount, type Observation, PlanError, UnsupportedError } from "../core/index.ts";
import type { CarryOptions } from "./carried.ts";
import type { Components, Drops } from "./drops.ts";
import { namesListed, planError } from "./plan-error.ts";
import { refuseTraining } from "./training-refusals.ts";

interface Found {
  readonly code: string;
  readonly what: string;
  readonly entries: readonly Entry[];
  readonly hint: (names: readonly string[]) => string;
}

/** @throws PlanError, UnsupportedError, see `carry` */
export function refuseUncarried(source: Components, drops: Drops, options: CarryOptions): void {
  const { verb } = options;
  const several = observed(source, "TENON_NAMES_SEVERAL_MODELS");
  if (several !== undefined && !drops.component("base")) throw severalModels(several, source, verb);
  for (const each of uncarried(source, drops)) if (each.entries.length > 0) throw refusal(each, source, verb);
  for (const observation of source.observations) {
    const adapter = observation.facts?.["adapter"];
    if (observation.code !== "TENON_ADAPTER_STORED_TWICE" || typeof adapter !== "string") continue;
    if (!drops.adapter(adapter)) throw storedTwice(adapter, observation, source, verb);
  }
  refuseTraining(source, drops, options);
}

function uncarried(source: Components, drops: Drops): readonly Found[] {
  const entries = carriedEntries(source, drops);
  const outside = new Set(observed(source, "TENON_NAMES_OUTSIDE_MODEL")?.names);
  return [
    {
      code: "TENON_NAMES_OUTSIDE_MODEL",
      what: "beside the model, in the module that held it: neither base nor adapter",
      entries: entries.filter(
        ({ tensor, meaning }) => meaning.role !== "foreign" && outside.has(tensor.name),
      ),
      hint: (names) => `Leave out what is not part of the model: ${dropsFor(names)}`,
    },
    {
      code: "TENON_NAMES_FOREIGN",
      what: `of another adapter type or ecosystem, or of an adapter without a name${foreignReason(source)}`,
      entries: entries.filter((entry) => entry.meaning.role === "foreign" || isNameless(entry)),
      hint: (names) => `Leave them out: ${dropsFor(names)}`,
    },
    {
      code: "TENON_TENSOR_EMPTY",
      what: "without elements, as ZeRO-3 leaves them when saved without gathering",
      entries: entries.filter(({ tensor }) => elementCount(tensor.shape) === 0),
      hint: () => "Save again with the parameters gathered (stage3_gather_16bit_weights_on_model_save).",
    },
    {
      code: "TENON_NAMES_QUANTISED",
      what: "of a quantised base, its scales and maps, which no layout here keeps exact",
      entries: entries.filter(({ meaning }) => meaning.role === "quantState"),
      hint: () => "Keep the adapters alone, they are exact: --drop base",
    },
  ];
}

function foreignReason(source: Components): string {
  const reason = observed(source, "TENON_NAMES_FOREIGN")?.facts?.["reason"];
  return typeof reason === "string" ? ` (${reason})` : "";
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

function refusal(
  { code, what, entries, hint }: Found,
  source: Components,
  verb: string,
): PlanError | UnsupportedError {
  const names = entries.map(({ tensor }) => tensor.name);
  const message = `${verb}: ${listed(names)} ${what} (${source.location})`;
  const extras = {
    details: { names: names.slice(0, namesListed), count: names.length, source: source.location },
    hint: hint(names),
  };
  return code === "TENON_NAMES_QUANTISED"
    ? new UnsupportedError(code, message, extras)
    : new PlanError(code, message, extras);
}

/** `3 tensors (a, b, c)`. */
export function listed(names: readonly string[]): string {
  const some = names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
  return `${names.length} ${names.length === 1 ? "tensor" : "tensors"} (${some})`;
}

function dropsFor(names: readonly string[]): string {
  const flags = names.slice(0, 3).map((name) => `--drop ${name}`);
  return flags.join(" ") + (names.length > 3 ? ` and so on for ${names.length - 3} more` : "");
}

function observed(source: Components, code: string): Observation | undefined {
  return source.observations.find((each) => each.code === code);
}

function severalModels({ code, facts }: Observation, { location }: Components, verb: string): PlanError {
  const attributes = facts?.["attributes"] ?? [];
  const found = Array.isArray(attributes) ? attributes.join(", ") : "";
  return planError(code, `${verb}: several models are stored together: ${found} (${location})`, {
    details: { attributes, source: location },
    hint: "Save the one you mean to a file of its own.",
  });
}

function storedTwice(
  adapter: string,
  { code, names: files }: Observation,
  { location }: Components,
  verb: string,
): PlanError {
  const found = `is stored ${files.length} times: ${files.join(", ")}`;
  return planError(code, `${verb}: adapter ${JSON.stringify(adapter)} ${found} (${location})`, {
    details: { adapter, files, source: location },
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
