import { parseLoraConfig, resolveRankAndAlpha } from "../../adapters/index.ts";
import {
  type AdapterComponent,
  type AdapterModule,
  type Json,
  type JsonRecord,
  type Observation,
  withFields,
} from "../../core/index.ts";

/**
 * An adapter's config with what its tensors prove: ranks (alpha stays, so the scaling is alpha over the rank that was
 * trained) and targets. Undefined when there is nothing to change.
 * @param missing modules_to_save that the caller gives up
 */
export function repairedAdapterConfig(
  adapter: AdapterComponent,
  observations: readonly Observation[],
  missing: readonly string[] = [],
): JsonRecord | undefined {
  const { config, name } = adapter;
  if (config === undefined) return undefined;
  const codes = new Set(
    observations.filter(({ facts }) => facts?.["adapter"] === name).map(({ code }) => code),
  );
  const modules = [...adapter.modules.values()];
  const changes: Record<string, Json> = {};
  if (codes.has("TENON_ADAPTER_RANK_MISMATCH")) Object.assign(changes, ranksOf(modules, config));
  if (codes.has("TENON_ADAPTER_TARGET_ABSENT") || codes.has("TENON_ADAPTER_TARGET_UNMATCHED"))
    changes["target_modules"] = targetsOf(modules, config, observations, name);
  const saved = config["modules_to_save"];
  if (missing.length > 0 && Array.isArray(saved)) {
    const left = saved.filter((one) => !missing.includes(String(one)));
    changes["modules_to_save"] = left.length > 0 ? left : null;
  }
  return Object.keys(changes).length > 0 ? withFields(config, changes) : undefined;
}

/** `r` as the config has it if any module agrees, else the commonest rank; others by full path. */
function ranksOf(modules: readonly AdapterModule[], config: JsonRecord): Record<string, Json> {
  const ranks = new Map<string, number>();
  for (const { path, loraA, loraEmbeddingA } of modules) {
    const rank = (loraA ?? loraEmbeddingA)?.shape[0];
    if (rank !== undefined) ranks.set(path, rank);
  }
  const counts = new Map<number, number>();
  for (const rank of ranks.values()) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  const [[commonest = 0] = []] = [...counts].sort(([a, n], [b, m]) => m - n || a - b);
  const loraRank = typeof config["r"] === "number" && counts.has(config["r"]) ? config["r"] : commonest;
  const others = [...ranks].filter(([, rank]) => rank !== loraRank);
  return {
    r: loraRank,
    rank_pattern: Object.fromEntries(others.map(([path, rank]) => [`^${path.replaceAll(".", "\\.")}`, rank])),
  };
}

/** The targets that have LoRA, and what has LoRA without being targeted. */
function targetsOf(
  modules: readonly AdapterModule[],
  config: JsonRecord,
  observations: readonly Observation[],
  adapter: string,
): string[] {
  const namesOf = (code: string): string[] =>
    observations
      .filter((one) => one.code === code && one.facts?.["adapter"] === adapter)
      .flatMap(({ names }) => names);
  const paths = modules.map(({ path }) => path);
  const listed = config["target_modules"];
  const absent = new Set(namesOf("TENON_ADAPTER_TARGET_ABSENT"));
  const unmatched = namesOf("TENON_ADAPTER_TARGET_UNMATCHED");
  if (!Array.isArray(listed)) return shortest(paths, paths);
  return [...listed.map(String).filter((target) => !absent.has(target)), ...shortest(unmatched, paths)];
}

/** Last segments where every layer that has LoRA has it there; else whole paths, which target nothing more. */
function shortest(wanted: readonly string[], all: readonly string[]): string[] {
  const layers = new Set(all.map(layerOf));
  const leafOf = (path: string): string => path.slice(path.lastIndexOf(".") + 1);
  const targets = new Set<string>();
  for (const path of wanted) {
    const same = wanted.filter((other) => leafOf(other) === leafOf(path));
    targets.add(new Set(same.map(layerOf)).size === layers.size ? leafOf(path) : path);
  }
  return [...targets];
}

function layerOf(path: string): string {
  return /\.(\d+)\./.exec(path)?.[1] ?? "";
}

/** Whether what was repaired resolves, for every module, to the rank that is stored. */
export function hasStoredRanks(config: JsonRecord, modules: Iterable<AdapterModule>): boolean {
  const lora = parseLoraConfig(config, "the repaired config");
  return [...modules].every(({ path, loraA, loraEmbeddingA }) => {
    const rank = (loraA ?? loraEmbeddingA)?.shape[0];
    return rank === undefined || resolveRankAndAlpha(lora, path).loraRank === rank;
  });
}
