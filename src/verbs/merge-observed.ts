import { type Checkpoint, type Observation, PlanError } from "../core/index.ts";
import type { MergeOptions } from "./merge-options.ts";

/** Observations that make a merge wrong, and what to do about each. */
const blocking: Readonly<
  Record<string, (location: string) => { readonly cause: string; readonly remedy: string }>
> = {
  TENON_TRAINED_BASE_LOST: () => ({
    cause: "the optimizer trained base parameters that are not stored, so the merge would lack them",
    remedy: "Look for a state dict of the same run. To merge the adapter alone: --allow-lost-base",
  }),
  TENON_BASE_LORA_LEFT: (location) => ({
    cause: "the base is whole under plain names and LoRA is stored too, so it may be merged already",
    remedy: `Find out against the original base: tenon doctor ${location} --base DIR`,
  }),
  TENON_WEIGHTS_IN_SHARDS: () => ({
    cause: "DeepSpeed kept the weights in folders of its own, which --layout leaves unread",
    remedy: "Leave out --layout, or point at the folder: it is read as zero.",
  }),
  TENON_NAMES_AMBIGUOUS: () => ({
    cause: "names fit the base in several ways",
    remedy: "Give the base that it was trained on: --base DIR",
  }),
  TENON_NAMES_SEVERAL_MODELS: () => ({
    cause: "several wrapped models are stored together",
    remedy: "Save the one you mean to a file of its own.",
  }),
};

/**
 * Refuses a source of which something is known that makes a merge wrong.
 * @throws PlanError with the observation's code
 */
export function refuseObserved(checkpoint: Checkpoint, options: MergeOptions): void {
  for (const observation of checkpoint.observations) {
    if (observation.code === "TENON_TRAINED_BASE_LOST" && options.allowLostBase === true) continue;
    if (observation.code === "TENON_NAMES_OUTSIDE_MODEL") refuseOutside(checkpoint, observation, options);
    const block = blocking[observation.code];
    if (block !== undefined) throw refusal(checkpoint.location, observation, block(checkpoint.location));
  }
}

/** A parameter of the module around the model has no place in a transformers directory. */
function refuseOutside(
  { location }: Checkpoint,
  observation: Observation,
  { drop = [] }: MergeOptions,
): void {
  const names = observation.names.filter((name) => !drop.includes(name));
  if (names.length === 0) return;
  throw refusal(
    location,
    { ...observation, names },
    {
      cause: "parameters stand beside the wrapped model and have no place in it",
      remedy: `Leave them out: ${names
        .slice(0, 10)
        .map((name) => `--drop ${name}`)
        .join(" ")}`,
    },
  );
}

function refusal(
  location: string,
  { code, names }: Observation,
  { cause, remedy }: { readonly cause: string; readonly remedy: string },
): PlanError {
  const shown = names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
  return new PlanError(code, `merge: ${cause}: ${shown} (${location})`, {
    details: { names: names.slice(0, 10), count: names.length, source: location },
    hint: remedy,
  });
}
