// Settings of a param group as torch's optimizers keep them, from the JSON that they were read into.
import type { DraftOptimizer, Json, JsonRecord } from "../core/index.ts";
import { PickleFloat, PickleMap, PickleTuple, type PickleValue } from "../pickle/index.ts";
import { counterOf } from "./counter.ts";

/**
 * Settings that torch.optim (2.13), its schedulers and Adafactor of transformers (5.18) keep as floats. JSON does not tell 0.0
 * from 0; whoever formats or
 * compares the value in Python does. SGD's own defaults are ints, and a float in their place means the same.
 */
const floats: ReadonlySet<string> = new Set([
  "lr", "initial_lr", "max_lr", "min_lr", "weight_decay", "eps", "momentum", "base_momentum", "max_momentum", "dampening",
  "alpha", "rho", "lr_decay", "lambd", "t0", "betas", "etas", "step_sizes", "ns_coefficients", "initial_accumulator_value",
  "momentum_decay", "beta2_decay", "d", "clip_threshold", "decay_rate", "beta1",
]); // biome-ignore format: a list

/** Settings that torch keeps as tuples; Adafactor has two `eps`. */
const tuples: ReadonlySet<string> = new Set(["betas", "eps", "etas", "step_sizes", "ns_coefficients"]);

/** tenon's own among the settings of a group: why the order of its parameters is unknown. Engines keep it, and look at others. */
export const orderSetting = "order_unknown";

/** Settings for a file that lists parameters in some order though theirs is lost. */
export function markedSettings(settings: JsonRecord, { orderUnknown }: DraftOptimizer): JsonRecord {
  return orderUnknown === undefined ? settings : { ...settings, [orderSetting]: orderUnknown };
}

/** A setting by its name. Lists stay lists, but where torch has a tuple. */
export function settingValue(key: string, value: Json): PickleValue {
  const isFloat = floats.has(key);
  if (typeof value === "number" && isFloat) return new PickleFloat(value);
  if (!Array.isArray(value)) return pickleOfJson(value);
  const items = (value as readonly Json[]).map((item) =>
    typeof item === "number" && isFloat ? new PickleFloat(item) : pickleOfJson(item),
  );
  return tuples.has(key) ? PickleTuple.ofValues(items) : items;
}

/** Plain data. A number without a fraction becomes an int: which of the two it was, JSON does not say. */
export function pickleOfJson(value: Json): PickleValue {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(pickleOfJson);
  const counter = counterOf(value);
  if (counter !== undefined) return counter;
  const map = new PickleMap();
  for (const [key, item] of Object.entries(value)) map.set(key, pickleOfJson(item as Json));
  return map;
}
