import type { AdapterModule, JsonRecord } from "../../core/index.ts";

/**
 * The adapter_config.json of LoRA tensors that came without one, once `lora_alpha` is told: `r` is the commonest rank
 * among the modules, other ranks stand in `rank_pattern` under full paths, targets are the full paths. Modules of
 * `target_parameters` (nesting above 0) cannot be told from names, so a config is needed for them.
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
