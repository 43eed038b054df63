import type {
  AdapterComponent,
  AdapterModule,
  Entry,
  JsonRecord,
  Replacement,
  Role,
  Tensor,
} from "../../core/index.ts";
import { isTenonError } from "../../core/index.ts";
import type { LoraConfig } from "../config/lora-config.ts";
import { parseLoraConfig } from "../config/parse-lora-config.ts";
import { isStrayBias } from "../names/observe-names.ts";
import { savedModuleOf } from "../targets.ts";
import type { Duplicates } from "./duplicates.ts";
import { type BaseShapes, tellTrainedEmbeddings } from "./trained-embeddings.ts";

type Slot = Exclude<keyof AdapterModule, "path" | "nesting">;

const slots: Partial<Record<Role, Slot>> = {
  loraA: "loraA",
  loraB: "loraB",
  loraEmbeddingA: "loraEmbeddingA",
  loraEmbeddingB: "loraEmbeddingB",
  magnitude: "magnitude",
  loraBias: "loraBias",
  loraDiag: "loraDiag",
};

/** Modules that PEFT saves whole beside LoRA when the vocabulary grew or they are targeted: by their last segment. */
export const embeddingNames: ReadonlySet<string> = new Set([
  "embed_tokens", "lm_head", "wte", "word_embeddings", "embed_in", "embed_out", "shared", "tok_embeddings",
]); // biome-ignore format: one list

/** Gathers the tensors of one adapter. */
export class AdapterBuilder {
  readonly name: string;
  /** The config, typed; undefined when there is none or it cannot be read. */
  readonly lora: LoraConfig | undefined;
  /** Why the config cannot be read. */
  readonly trouble: { readonly code: string; readonly message: string } | undefined;
  private readonly config: { readonly config: JsonRecord; readonly from: string } | undefined;
  private readonly duplicates: Duplicates;
  private readonly knownBase: BaseShapes | undefined;
  private readonly modules = new Map<
    string,
    Partial<Record<Slot, Tensor>> & { path: string; nesting: number }
  >();
  private readonly replacements = new Map<string, Replacement>();
  private readonly tokenDeltas = new Map<string, Tensor>();
  private readonly entries: Entry[] = [];

  constructor(
    name: string,
    duplicates: Duplicates,
    config: { readonly config: JsonRecord; readonly from: string } | undefined,
    knownBase?: BaseShapes,
  ) {
    this.name = name;
    this.knownBase = knownBase;
    this.duplicates = duplicates;
    this.config = config;
    try {
      this.lora = config && parseLoraConfig(config.config, config.from);
    } catch (error) {
      if (!isTenonError(error)) throw error;
      this.trouble = { code: error.code, message: error.message };
    }
  }

  /** Adds a tensor of this adapter; base parameters among them replace the base's. */
  add(entry: Entry): void {
    this.entries.push(entry);
    const { tensor, meaning } = entry;
    const slot = slots[meaning.role];
    if (slot !== undefined) this.addLowRank(slot, entry);
    else if (meaning.role === "tokenDelta") {
      const kept = this.tokenDeltas.get(meaning.module);
      const what = `the token rows of ${meaning.module}`;
      this.tokenDeltas.set(meaning.module, kept ? this.duplicates.first(what, kept, tensor) : tensor);
    } else if (/^(?:plain|baseLayer|tokenBase|modulesToSave)$/.test(meaning.role) && !isStrayBias(entry))
      this.addReplacement(entry);
  }

  build(): AdapterComponent {
    const { lora, knownBase: base, entries } = this;
    return {
      name: this.name,
      ...(this.config === undefined ? {} : { config: this.config.config, configFrom: this.config.from }),
      modules: this.modules,
      replacements: tellTrainedEmbeddings([...this.replacements.values()], { lora, base, entries }),
      tokenDeltas: this.tokenDeltas,
      entries: this.entries,
    };
  }

  private addLowRank(slot: Slot, { tensor, meaning }: Entry): void {
    const { module: path, nesting } = meaning;
    const key = moduleKey(path, nesting);
    const module = this.modules.get(key) ?? { path, nesting };
    const kept = module[slot];
    module[slot] = kept === undefined ? tensor : this.duplicates.first(`${slot} of ${key}`, kept, tensor);
    this.modules.set(key, module);
  }

  private addReplacement({ tensor, meaning }: Entry): void {
    const { module, leaf } = meaning;
    const parameter = module === "" ? leaf : `${module}.${leaf}`;
    const kept = this.replacements.get(parameter);
    if (kept === undefined)
      this.replacements.set(parameter, { kind: this.kindOf({ tensor, meaning }), parameter, tensor });
    else {
      const chosen = this.duplicates.first(`${this.name}:${parameter}`, kept.tensor, tensor);
      this.replacements.set(parameter, { ...kept, tensor: chosen });
    }
  }

  private kindOf({ meaning: { role, module, leaf } }: Entry): Replacement["kind"] {
    const { lora } = this;
    if (role === "modulesToSave") return "modulesToSave";
    if (lora !== undefined && savedModuleOf(lora, module) !== undefined) return "modulesToSave";
    if (leaf === "bias" && lora !== undefined && isSavedBias(lora, role)) return "bias";
    const last = module.slice(module.lastIndexOf(".") + 1);
    return leaf === "weight" && embeddingNames.has(last) ? "embedding" : "trainedBase";
  }
}

/** `lora_only` saves the biases of wrapped modules, `all` every bias. */
function isSavedBias({ bias }: LoraConfig, role: Role): boolean {
  return bias === "all" || (bias === "lora_only" && role === "baseLayer");
}

/** Key of a module in {@link AdapterComponent}: its path, with `#<nesting>` when nested. */
export function moduleKey(path: string, nesting: number): string {
  return nesting > 0 ? `${path}#${nesting}` : path;
}
