import { FormatError } from "../core/index.ts";
import type { LoraConfig, PatternTable } from "./config/lora-config.ts";
import { type PathRule, suffixRule } from "./patterns/path-rules.ts";

export interface RankAndAlpha {
  readonly loraRank: number;
  readonly loraAlpha: number;
}

interface CompiledEntry {
  readonly pattern: string;
  readonly value: number;
  readonly rule: PathRule;
}

const compiledTables = new WeakMap<PatternTable, readonly CompiledEntry[]>();

/**
 * Rank and alpha of one module: the first pattern, in the order of the file, that matches a dotted suffix of `key`; the
 * two tables are asked independently.
 *
 * @param key path of the module inside the model (`model.layers.0.self_attn.q_proj`); for a target parameter
 *   `<module>.<parameter>`, without any `base_layer`
 * @throws FormatError TENON_ADAPTER_PATTERN_ORDER where the order of the file decides and JSON lost it; the errors of
 *   patterns that cannot be run
 * @see peft `utils/other.py` get_pattern_key
 */
export function resolveRankAndAlpha(config: LoraConfig, key: string): RankAndAlpha {
  return {
    loraRank: resolve(config.rankPattern, key, "rank_pattern", config) ?? config.loraRank,
    loraAlpha: resolve(config.alphaPattern, key, "alpha_pattern", config) ?? config.loraAlpha,
  };
}

/** alpha / r, or alpha / √r with rsLoRA; unitless, float64 as in Python. */
export function scalingOf(config: LoraConfig, key: string): number {
  const { loraRank, loraAlpha } = resolveRankAndAlpha(config, key);
  return config.useRslora ? loraAlpha / Math.sqrt(loraRank) : loraAlpha / loraRank;
}

function resolve(table: PatternTable, key: string, field: string, config: LoraConfig): number | undefined {
  const entries = compiled(table, field, config.from);
  const found = entries.filter(({ rule }) => rule.matches(key));
  const first = found[0];
  // PEFT then looks up the key itself, which finds a name that is no pattern of itself (`w+b`).
  if (first === undefined) return entries.find(({ pattern }) => pattern === key)?.value;
  // JavaScript moves keys that look like array indices to the front of an object, so their place in the file is lost.
  const isMoved = /^(?:0|[1-9]\d*)$/.test(first.pattern);
  const rival = isMoved ? found.find(({ value }) => value !== first.value) : undefined;
  if (rival !== undefined) {
    const message = `peft: ${field} has ${JSON.stringify(first.pattern)} and ${JSON.stringify(rival.pattern)}, and both match ${key}; which comes first in the file is not known (${config.from})`;
    throw new FormatError("TENON_ADAPTER_PATTERN_ORDER", message, {
      details: { field, key, patterns: [first.pattern, rival.pattern], from: config.from },
      hint: `Write the number as a group: "(${first.pattern})".`,
    });
  }
  return first.value;
}

function compiled(table: PatternTable, field: string, from: string): readonly CompiledEntry[] {
  const known = compiledTables.get(table);
  if (known !== undefined) return known;
  const entries = table.entries.map(({ pattern, value }) => ({
    pattern,
    value,
    rule: suffixRule(pattern, { field, from }),
  }));
  compiledTables.set(table, entries);
  return entries;
}
