import type { AdapterModule, JsonRecord } from "../../core/index.ts";

/**
 * Paths of modules that LoRA acts on parameters of (`target_parameters`: experts), so that neither targets nor ranks are read
 * off names and shapes: the rows of a factor are those of all experts together, and no name says which parameter it changes.
 * @param baseNames canonical names of the base, as far as they are known
 */
export function loraOnParameters(
  modules: Iterable<AdapterModule>,
  baseNames: Iterable<string>,
): readonly string[] {
  const names = new Set(baseNames);
  const holders = new Set<string>();
  for (const name of names)
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1))
      if (name.slice(dot + 1) !== "bias") holders.add(name.slice(0, dot));
  const isOnParameters = ({ path, nesting }: AdapterModule): boolean => {
    // The output of torch's MultiheadAttention is a wrapped module in a wrapped module.
    if (nesting > 0) return nesting > 1 || !path.endsWith(".out_proj");
    if (names.has(`${path}.weight`) || names.has(`${path}.in_proj_weight`)) return false;
    return holders.has(path) || /(?:^|\.)experts$/.test(path);
  };
  return [...new Set([...modules].filter(isOnParameters).map(({ path }) => path))];
}

/**
 * The adapter_config.json of LoRA tensors that came without one, once `lora_alpha` is told: `r` is the commonest rank
 * among the modules, other ranks stand in `rank_pattern` under full paths, targets are the full paths. It does not do where
 * {@link loraOnParameters} finds any.
 * @param alpha `lora_alpha`; it counts for every module
 */
export function derivedLoraConfig(modules: Iterable<AdapterModule>, alpha: number): JsonRecord {
  const ranks = new Map<string, number>();
  let hasMagnitude = false;
  let hasBias = false;
  for (const { path, loraA, loraEmbeddingA, magnitude, loraBias } of modules) {
    const rank = (loraA ?? loraEmbeddingA)?.shape[0];
    if (rank !== undefined) ranks.set(path, rank);
    hasMagnitude ||= magnitude !== undefined;
    hasBias ||= loraBias !== undefined;
  }
  const counts = new Map<number, number>();
  for (const rank of ranks.values()) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  const common = [...counts].sort(([a, n], [b, m]) => m - n || a - b)[0]?.[0] ?? 8;
  const others = [...ranks].filter(([, rank]) => rank !== common);
  return {
    peft_type: "LORA",
    r: common,
    lora_alpha: alpha,
    rank_pattern: Object.fromEntries(others.map(([path, rank]) => [`^${escaped(path)}`, rank])),
    target_modules: [...ranks.keys()].sort(),
    use_dora: hasMagnitude,
    lora_bias: hasBias,
  };
}

/** PEFT runs the keys of `rank_pattern` as regular expressions. */
function escaped(path: string): string {
  return path.replaceAll(".", "\\.");
}
