// How trainers cut the parameters of a model into param groups. The cut depends on the version of the trainer, so every
// rule that could be is tried, and shapes decide.

/** What a rule looks at. */
export interface GroupedParameter {
  /** Name in the live model; wrapper prefixes do not matter. */
  readonly liveName: string;
  /** Number of axes. */
  readonly axes: number;
}

/** One way to cut parameters into groups. */
export interface GroupingRule {
  readonly name: string;
  readonly groups: number;
  /** Index of the group that a parameter is in. */
  groupOf(parameter: GroupedParameter): number;
}

/** transformers 5, `Trainer.get_decay_parameter_names`: patterns on the lower-cased name. */
const undecayedNames = /bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)/;

/** The last module's name says that it is a norm: `ln_1`, `input_layernorm`, `final_layer_norm`, `norm`. */
function isInNorm(liveName: string): boolean {
  const module = liveName.split(".").slice(0, -1).at(-1) ?? "";
  return /norm$|^ln_/i.test(module);
}

function byDecay(name: string, isDecayed: (liveName: string) => boolean): GroupingRule {
  return { name, groups: 2, groupOf: ({ liveName }) => (isDecayed(liveName) ? 0 : 1) };
}

export const groupingRules: readonly GroupingRule[] = [
  { name: "one group of all parameters", groups: 1, groupOf: () => 0 },
  byDecay(
    "weight decay of transformers 5: no bias and no norm, by name",
    (name) => !undecayedNames.test(name.toLowerCase()) && !isInNorm(name),
  ),
  byDecay(
    "weight decay of transformers 4: no bias and no norm, by class",
    (name) => !name.includes("bias") && !isInNorm(name),
  ),
  byDecay(
    "weight decay of transformers 4, where RMSNorm is not among the norms: no bias",
    (name) => !name.includes("bias"),
  ),
  byDecay(
    "weight decay of the example scripts: no bias and no layer_norm.weight",
    (name) => !/bias|LayerNorm\.weight|layer_norm\.weight/.test(name),
  ),
  loraPlus("LoRA+", isInNorm),
  loraPlus("LoRA+, where RMSNorm is not among the norms", () => false),
];

/** peft 0.21, `optimizers/loraplus.py`: A, factors of embeddings, B and vectors with decay, B and vectors without. */
function loraPlus(name: string, isNorm: (liveName: string) => boolean): GroupingRule {
  return {
    name,
    groups: 4,
    groupOf({ liveName, axes }) {
      if (/\.lora_embedding_[AB]\./.test(liveName)) return 1;
      if (!liveName.includes("lora_B") && axes !== 1) return 0;
      return liveName.includes("bias") || isNorm(liveName) ? 3 : 2;
    },
  };
}
