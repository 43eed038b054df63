import { join } from "node:path";
import { type Python, seed } from "./python.ts";

/** How `hybrids.py` names what it trains. */
export const variants = ["f32", "bf16", "tied", "head"] as const;
/** Kinds of adapters that names and shapes alone tell apart. */
export const furtherVariants = ["dora", "embedding", "gpt2", "mixtral", "part", "two"] as const;
export type Variant = (typeof variants | typeof furtherVariants)[number];

/** A fine-tune of LoRA and base together, saved in many ways; paths of what lies where. */
export interface Hybrid {
  readonly variant: Variant;
  /** The model before the training. */
  readonly base: string;
  readonly tied: boolean;
  readonly adapters: readonly string[];
  /** What PEFT's save_pretrained writes: the adapter, without the trained base. */
  readonly peft: string;
  readonly adapterFile: string;
  readonly adapterConfig: string;
  /** Saves that hold everything. */
  readonly whole: Readonly<Record<string, string>>;
  /** Saves that lost the trained base. */
  readonly lost: Readonly<Record<"save_pretrained" | "trainer", string>>;
}

/** The ways of saving that keep everything. */
export const ways = [
  "zip/model.pt",
  "legacy",
  "ddp/model.pt",
  "compiled/last.ckpt",
  "safetensors/model.safetensors",
  "module",
  "inner",
  "accelerate-model",
  "accelerate-state",
] as const;

export async function trained(python: Python, variant: Variant, folder: string): Promise<Hybrid> {
  const made = await python.call<Omit<Hybrid, "variant">>("make_hybrid", {
    name: variant,
    seed,
    folder: join(folder, variant),
  });
  return { ...made, variant };
}

/** One of the saves, as the command line is told about it. */
export function saved({ whole, adapterConfig }: Hybrid, way: (typeof ways)[number]): readonly string[] {
  // A schedule and random states have a place in tenon's own layout alone; the optimizer is not what is compared.
  const dropped = way === "accelerate-state" ? ["--drop", "optimizer", "--drop", "trainer"] : [];
  return [whole[way] ?? way, "--adapter-config", adapterConfig, ...dropped];
}
