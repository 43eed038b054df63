import { type AdapterModule, PlanError, type Tensor, UnsupportedError } from "../../core/index.ts";
import type { KnownBase } from "../known-base.ts";
import { RenamedTensor } from "../renamed-tensor.ts";
import { TransposedTensor } from "../transposed-tensor.ts";
import { mlxEmbeddings, mlxTails } from "./wire.ts";

type Module = { -readonly [Slot in keyof AdapterModule]: AdapterModule[Slot] };
type Slot = "loraA" | "loraB" | "loraEmbeddingA" | "loraEmbeddingB" | "magnitude";

const leaves: Readonly<Record<Slot, string>> = {
  loraA: "lora_A.weight",
  loraB: "lora_B.weight",
  loraEmbeddingA: "lora_embedding_A",
  loraEmbeddingB: "lora_embedding_B",
  magnitude: "lora_magnitude_vector",
};

/** Gathers the tensors of mlx-lm as PEFT stores them. */
export class MlxModules {
  /** Under the names that PEFT writes. */
  readonly tensors: Tensor[] = [];
  readonly #modules = new Map<string, Module>();
  readonly #base: KnownBase | undefined;
  #isTied = false;

  constructor(base: KnownBase | undefined) {
    this.#base = base;
  }

  get all(): readonly AdapterModule[] {
    return [...this.#modules.values()];
  }

  /** Whether an embedding with LoRA is the head too. */
  get isTied(): boolean {
    return this.#isTied;
  }

  /** @throws UnsupportedError TENON_MLX_TENSOR; PlanError TENON_MLX_EMBEDDING */
  add(stored: Tensor): void {
    const dot = stored.name.lastIndexOf(".");
    const path = stored.name.slice(0, Math.max(0, dot));
    const tail = mlxTails.get(stored.name.slice(dot + 1));
    if (tail === undefined || path === "")
      throw unknownTensor(stored, "the name ends in none of lora_a, lora_b, m");
    const isEmbedding = mlxEmbeddings.has(path.slice(path.lastIndexOf(".") + 1));
    checkShape(stored, tail, isEmbedding);
    if (tail === "magnitude") this.#put(path, "magnitude", (name) => new RenamedTensor(stored, name));
    else if (isEmbedding) this.#addTable(path, tail, stored);
    else this.#put(path, tail === "a" ? "loraA" : "loraB", (name) => new TransposedTensor(stored, name));
  }

  /**
   * E + s·lora_a·lora_b, (tokens, r) by (r, width). Where the base ties its head to this embedding MLX computes logits with the
   * same sum, which is LoRA of the head: A = lora_b and B = lora_a, as they are stored.
   */
  #addTable(path: string, tail: "a" | "b", stored: Tensor): void {
    const parameter = `${path}.weight`;
    const base = this.#base;
    if (base?.tensors.has(parameter) !== true) throw baseWanted(stored, base !== undefined);
    this.#put(
      path,
      tail === "a" ? "loraEmbeddingA" : "loraEmbeddingB",
      (name) => new TransposedTensor(stored, name),
    );
    for (const [alias, owner] of base.ties) {
      if (owner !== parameter || !alias.endsWith(".weight")) continue;
      this.#isTied = true;
      const head = alias.slice(0, -".weight".length);
      this.#put(head, tail === "a" ? "loraB" : "loraA", (name) => new RenamedTensor(stored, name));
    }
  }

  #put(path: string, slot: Slot, named: (name: string) => Tensor): void {
    const module = this.#modules.get(path) ?? { path, nesting: 0 };
    this.#modules.set(path, module);
    const tensor = named(`base_model.model.${path}.${leaves[slot]}`);
    module[slot] = tensor;
    this.tensors.push(tensor);
  }
}

function checkShape(stored: Tensor, tail: "a" | "b" | "magnitude", isEmbedding: boolean): void {
  const axes = stored.shape.length;
  if (axes === 3)
    throw unknownTensor(
      stored,
      "it is LoRA of experts that MLX has fused, under names that transformers lacks",
    );
  if (tail === "magnitude" && isEmbedding)
    throw unknownTensor(
      stored,
      "DoRA of an embedding has a magnitude for each token in MLX, and for each column in PEFT",
    );
  if (axes !== (tail === "magnitude" ? 1 : 2)) throw unknownTensor(stored, `it has ${axes} axes`);
}

function unknownTensor({ name, shape, file }: Tensor, reason: string): UnsupportedError {
  const message = `mlx: ${JSON.stringify(name)} [${shape.join(", ")}] is not read: ${reason} (${file})`;
  return new UnsupportedError("TENON_MLX_TENSOR", message, {
    details: { tensor: name, shape: [...shape], path: file },
    hint: "Write the whole model with mlx_lm.fuse, and open that.",
  });
}

function baseWanted({ name, file }: Tensor, isGiven: boolean): PlanError {
  const what = isGiven ? "the base that is given has no such embedding" : "no base is given";
  const message = `mlx: ${JSON.stringify(name)} is LoRA of an embedding, which acts in the head too where the base ties the two, and ${what} (${file})`;
  return new PlanError("TENON_MLX_EMBEDDING", message, {
    details: { tensor: name, path: file },
    hint: "Give the model that was trained: --base DIR. For a verb that takes none, first: tenon convert SRC --base DIR --to peft -o OUT",
  });
}
