// LoRA beside a base that is whole under plain names: whether it was merged already, the names do not say.
import { canonicalName } from "../adapters/index.ts";
import { listed } from "./carry-refusals.ts";
import type { ConversionInput } from "./conversion-input.ts";
import { planError } from "./plan-error.ts";

/** Of the observation, and of the refusal. */
const code = "TENON_BASE_LORA_LEFT";

/** Canonical names of base weights that LoRA may have been merged into. */
export function mergedSuspects({ source, carried }: Pick<ConversionInput, "source" | "carried">): string[] {
  const stored = new Set(source.observations.find((each) => each.code === code)?.names);
  if (stored.size === 0 || carried.base === undefined) return [];
  // A model with an adapter in a file of its own is what PEFT expects; only one file for both is doubtful.
  const files = new Set<string>();
  for (const { name } of carried.adapters)
    for (const { tensor } of source.adapters.get(name)?.entries ?? []) files.add(tensor.file);
  return source.entries
    .filter(
      ({ tensor, meaning }) => meaning.role === "plain" && stored.has(tensor.name) && files.has(tensor.file),
    )
    .map(({ meaning }) => canonicalName(meaning));
}

/** @throws PlanError TENON_BASE_LORA_LEFT unless the bits show the base as it was before training */
export function refuseMerged(input: ConversionInput, verb: string): void {
  const suspects = mergedSuspects(input);
  const doubtful = suspects.filter((name) => input.bits?.same.has(name) !== true);
  if (doubtful.length === 0) return;
  const { location } = input.source;
  const isKnown = input.below !== undefined;
  const what = isKnown
    ? "are not those of the base given: LoRA may be merged into them already"
    : "stand under plain names beside LoRA, which may be merged into them already";
  const message = `${verb}: ${listed(doubtful)} ${what} (${location})`;
  throw planError(code, message, {
    details: { names: doubtful, count: doubtful.length, source: location },
    hint: isKnown
      ? "If it is merged, leave LoRA out: --drop adapters. tenon doctor can tell."
      : "If it is merged, leave LoRA out: --drop adapters. If not, show it: --base DIR",
  });
}
