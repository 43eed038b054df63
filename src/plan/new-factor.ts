import type { NameMeaning, Role, Shape } from "../core/index.ts";
import { type Fill, zeros } from "./made-tensor.ts";

/** A tensor that a new adapter has. */
export interface NewTensor {
  readonly meaning: NameMeaning;
  readonly dtype: "BF16" | "F16" | "F32";
  readonly shape: Shape;
}

/**
 * What PEFT's `reset_lora_parameters` (0.21) starts a factor with, the values drawn by tenon's own generator: lora_A
 * uniform within 1/√fan_in (kaiming_uniform with a = √5), lora_B zero; for embeddings A zero and B of variance 1, here
 * uniform instead of normal.
 */
export function newFactor(
  role: Role,
  shape: Shape,
  { seed, stream }: { readonly seed: number; readonly stream: string },
): Fill {
  if (role === "loraEmbeddingB") return { kind: "uniform", bound: Math.sqrt(3), seed, stream };
  if (role !== "loraA") return zeros;
  const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
  return fanIn === 0 ? zeros : { kind: "uniform", bound: 1 / Math.sqrt(fanIn), seed, stream };
}
