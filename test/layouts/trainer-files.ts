// Checkpoints of the Trainer made value by value.
import { memoryTree } from "../../src/bytes/index.ts";
import type { DType } from "../../src/core/index.ts";
import { TensorPlace, torch } from "../../src/formats/index.ts";
import { PickleFloat, PickleMap, type PickleValue } from "../../src/pickle/index.ts";
import { assemble } from "../contract/format.contract.ts";

export const mapOf = (fields: Readonly<Record<string, PickleValue>>): PickleMap => {
  const map = new PickleMap();
  for (const [key, value] of Object.entries(fields)) map.set(key, value);
  return map;
};

/** What torch.save makes of an object in which `place` stands for a tensor of zeros. */
export function saved(
  object: PickleValue,
  tensors: Readonly<Record<string, readonly number[]>> = {},
  dtypeOf: (name: string) => DType = () => "F32",
): Uint8Array {
  const entries = Object.entries(tensors).map(([name, shape]) => ({ name, dtype: dtypeOf(name), shape }));
  const layout = torch.layOut?.(entries, {}, { objects: [object] });
  if (layout === undefined) throw new Error("torch writes");
  return assemble(layout, (_, length) => new Uint8Array(length));
}

/** Stands for the tensor `m`. */
export const place = new TensorPlace("m") as unknown as PickleValue;
const model = saved(mapOf({ w: place }), { m: [2] });

/** A Trainer checkpoint of one parameter. */
export function checkpointOf(
  state: Readonly<Record<string, PickleValue>>,
  settings: Readonly<Record<string, PickleValue>> = {},
  more: Readonly<Record<string, Uint8Array>> = {},
  top: Readonly<Record<string, PickleValue>> = {},
): ReturnType<typeof memoryTree> {
  const group = mapOf({ lr: new PickleFloat(0.5), params: [0], param_names: ["w"], ...settings });
  const states = new PickleMap().set(0, mapOf({ exp_avg: place, ...state }));
  const optimizer = saved(mapOf({ state: states, param_groups: [group], ...top }), { m: [2] });
  const config = new TextEncoder().encode('{"model_type": "llama"}');
  const files = { "pytorch_model.bin": model, "optimizer.pt": optimizer, "config.json": config, ...more };
  return memoryTree(new Map(Object.entries(files)));
}
