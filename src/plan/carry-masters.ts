// fp32 masters beside weights of 16 bits: DeepSpeed keeps them in the optimizer, FSDP2 has them as the parameters themselves.
import type { Checkpoint } from "../core/index.ts";

/** State of an optimizer that is the fp32 copy of its parameter: DeepSpeed's, and so the tenon layout's. */
export const masterState = "fp32";

export function hasMasters({ optimizer }: Pick<Checkpoint, "optimizer">): boolean {
  return [...(optimizer?.states.values() ?? [])].some((state) => state.has(masterState));
}

/** Parameters whose master is a tensor of its own; where the weights are nowhere else (ZeRO-3) it is the parameter itself. */
export function mastersApart({
  optimizer,
  base,
  adapters,
}: Pick<Checkpoint, "optimizer" | "base" | "adapters">): readonly string[] {
  const weights = new Set([...(base?.tensors.values() ?? [])].map(({ id }) => id));
  for (const { entries } of adapters.values()) for (const { tensor } of entries) weights.add(tensor.id);
  return [...(optimizer?.states ?? [])].flatMap(([name, state]) => {
    const master = state.get(masterState);
    return master === undefined || weights.has(master.id) ? [] : [name];
  });
}
