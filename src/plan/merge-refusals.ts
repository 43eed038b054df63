import type { MergeObstacle } from "../adapters/index.ts";
import { PlanError, type Replacement, type TensorMeta, UnsupportedError } from "../core/index.ts";
import type { AdapterChoice, AdapterUse } from "./merge-input.ts";

const namesShown = 10;

export function listed(names: readonly string[]): string {
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : "";
  return names.slice(0, namesShown).join(", ") + more;
}

export function noBase(choices: readonly AdapterChoice[], found: number): PlanError {
  const named = choices.map(({ adapter }) => adapter.config?.["base_model_name_or_path"]);
  const base = named.find((name): name is string => typeof name === "string" && name !== "");
  const what = found === 0 ? "no base model is given" : `only ${found} parameters of the base are stored`;
  return new PlanError("TENON_MERGE_NEEDS_BASE", `merge: ${what}, and a merge needs all of it`, {
    details: { found, base: base ?? null },
    hint: base === undefined ? "Give it: --base DIR" : `Give it: --base DIR (the adapter names ${base})`,
  });
}

export function noAdapters(): PlanError {
  return new PlanError("TENON_MERGE_NOTHING", "merge: there is no adapter, so there is nothing to merge", {
    hint: "Give one: tenon merge BASE ADAPTER. To write a model in another layout: tenon convert",
  });
}

export function noConfig({ label, adapter, source }: AdapterChoice): PlanError {
  const message = `merge: adapter ${JSON.stringify(label)} has ${adapter.modules.size} LoRA modules and no adapter_config.json, so alpha is not known (${source})`;
  return new PlanError("TENON_ADAPTER_CONFIG_MISSING", message, {
    details: { adapter: label, modules: adapter.modules.size, source },
    hint: "Give it: --adapter-config FILE, or --alpha N",
  });
}

export function obstacle({ label, source }: AdapterChoice, found: MergeObstacle): UnsupportedError {
  return new UnsupportedError(
    found.code,
    `merge: adapter ${JSON.stringify(label)}: ${found.reason} (${source})`,
    {
      details: { adapter: label, source },
      hint: found.remedy,
    },
  );
}

export function unmatched(use: AdapterUse): PlanError {
  const lines = use.unused.map(({ name, reason }) => `${name} (${reason})`);
  const total = use.used.length + use.unused.length;
  const message = `merge: ${use.unused.length} of ${total} tensors of adapter ${JSON.stringify(use.label)} match nothing: ${listed(lines)} (${use.source})`;
  return new PlanError("TENON_ADAPTER_UNMATCHED", message, {
    details: { adapter: use.label, unused: use.unused, used: use.used.length, source: use.source },
    hint: "Give the base that it was trained on; tenon doctor says more. To merge the rest anyway: --allow-unmatched",
  });
}

export function weightOfWhole(choice: AdapterChoice, what: string): PlanError {
  const message = `merge: adapter ${JSON.stringify(choice.label)} has weight ${choice.weight}, but ${what}, which cannot be taken in part`;
  return new PlanError("TENON_ADAPTER_WEIGHT", message, {
    details: { adapter: choice.label, weight: choice.weight, what },
    hint: "Merge it with weight 1.",
  });
}

export function replacedTwice(parameter: string, first: string, second: string): PlanError {
  const message = `merge: adapters ${JSON.stringify(first)} and ${JSON.stringify(second)} both determine "${parameter}": the second one's copy would undo the first`;
  return new PlanError("TENON_ADAPTER_REPLACES_TWICE", message, {
    details: { parameter, adapters: [first, second] },
    hint: "Merge one of them, or merge the one with the copy first.",
  });
}

export function replacementShape(
  choice: AdapterChoice,
  { parameter, tensor, kind }: Replacement,
  base: TensorMeta,
): PlanError {
  const [found, allowed] = [tensor.shape, base.shape];
  const message = `merge: "${parameter}" of adapter ${JSON.stringify(choice.label)} is [${found.join(", ")}], the base has [${allowed.join(", ")}] (${tensor.file})`;
  return new PlanError("TENON_ADAPTER_SHAPE_MISMATCH", message, {
    details: { adapter: choice.label, parameter, kind, found: [...found], allowed: [...allowed] },
    hint: "Give the base that the adapter was trained on.",
  });
}
