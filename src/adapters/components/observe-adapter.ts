import {
  type AdapterComponent, type AdapterModule, type BaseComponent, isTenonError, type Observation, type Tensor,
} from "../../core/index.ts"; // biome-ignore format: one list
import type { LoraConfig } from "../config/lora-config.ts";
import { rewritesBase } from "../config/obstacles.ts";
import { vocabularyOf } from "../model-config.ts";
import { type AdapterObservationCode, observe } from "../observations.ts";
import { resolveRankAndAlpha } from "../scaling.ts";
import { matchesTarget, namesAtEnd, targetParameterOf } from "../targets.ts";
import { type AdapterBuilder, embeddingNames } from "./adapter-builder.ts";
import { observeRows } from "./observe-base.ts";

/** What an adapter's tensors and config show together: D13–D19 and D23 of docs/formats/peft.md. */
export function observeAdapter(
  { lora, trouble, name }: AdapterBuilder,
  component: AdapterComponent,
  base: BaseComponent | undefined,
): Observation[] {
  const watcher = new Watcher(name);
  for (const module of component.modules.values()) watcher.shape(module, lora);
  if (trouble !== undefined) watcher.note("TENON_ADAPTER_CONFIG_UNREADABLE", [], trouble);
  else if (lora === undefined) watcher.note("TENON_ADAPTER_CONFIG_MISSING", [...component.modules.keys()]);
  else watcher.config(lora, component, base);
  watcher.saved(component, lora, base);
  watcher.experts(component, base);
  return watcher.found;
}

class Watcher {
  readonly found: Observation[] = [];
  private readonly adapter: string;
  /** Patterns that cannot be run; they are not tried again for every module. */
  private readonly troubled = new Set<"ranks" | "targets">();

  constructor(adapter: string) {
    this.adapter = adapter;
  }

  note(
    code: AdapterObservationCode,
    names: readonly string[],
    facts: Parameters<typeof observe>[2] = {},
  ): void {
    this.found.push(observe(code, names, { adapter: this.adapter, ...facts }));
  }

  /** What cannot be said because a pattern cannot be run is observed once; the planner refuses such a config by name. */
  private attempt<T>(patterns: "ranks" | "targets", run: () => T): T | undefined {
    if (this.troubled.has(patterns)) return undefined;
    try {
      return run();
    } catch (error) {
      if (!isTenonError(error)) throw error;
      if (this.troubled.size === 0)
        this.note("TENON_ADAPTER_CONFIG_UNREADABLE", [], { code: error.code, message: error.message });
      this.troubled.add(patterns);
      return undefined;
    }
  }

  /** Pairs, ranks and orientation of one module. */
  shape(module: AdapterModule, lora: LoraConfig | undefined): void {
    const a = module.loraA ?? module.loraEmbeddingA;
    const b = module.loraB ?? module.loraEmbeddingB;
    const stored = [a, b, module.magnitude, module.loraBias].filter((tensor) => tensor !== undefined);
    const names = stored.map(({ name }) => name);
    if (a === undefined || b === undefined) {
      this.note("TENON_ADAPTER_PAIR_INCOMPLETE", names, { module: module.path, missing: a ? "B" : "A" });
      return;
    }
    if (lora?.useDora && module.magnitude === undefined)
      this.note("TENON_ADAPTER_MAGNITUDE_MISSING", names, { module: module.path });
    // Block-diagonal factors have shapes of their own.
    if (lora !== undefined && lora.bdlora !== null) return;
    const resolved =
      lora === undefined || lora.targetParameters.length > 0
        ? undefined
        : this.attempt("ranks", () => resolveRankAndAlpha(lora, scalingKey(module)).loraRank);
    if (isTurned(a, b, resolved)) this.note("TENON_ADAPTER_TRANSPOSED", names, { module: module.path });
    else this.rank(module, a, b, resolved);
  }

  private rank(module: AdapterModule, a: Tensor, b: Tensor, resolved: number | undefined): void {
    const stored = a.shape[0] ?? 0;
    if (resolved === undefined || resolved === stored || stored === 0) return;
    const facts = { module: module.path, stored, resolved, isDoubled: stored === 2 * resolved };
    this.note("TENON_ADAPTER_RANK_MISMATCH", [a.name, b.name], facts);
  }

  config(lora: LoraConfig, component: AdapterComponent, base: BaseComponent | undefined): void {
    const rewrite = rewritesBase(lora);
    if (rewrite !== undefined) this.note("TENON_ADAPTER_REWRITES_BASE", [], { ...rewrite });
    if (lora.unknownKeys.length > 0) this.note("TENON_ADAPTER_UNKNOWN_KEYS", lora.unknownKeys);
    const modelType = base?.config?.["model_type"];
    const facts = typeof modelType === "string" ? { modelType } : {};
    const modules = [...component.modules.values()];
    const unmatched = modules.filter(
      (module) =>
        !isParameterOf(lora, module.path) &&
        !isTiedTarget(lora, module.path) &&
        this.attempt("targets", () => matchesTarget(lora, scalingKey(module), facts)) === "no",
    );
    const names = unmatched.map(({ path }) => path);
    if (names.length > 0) this.note("TENON_ADAPTER_TARGET_UNMATCHED", names);
    if (lora.targetModules?.kind !== "names") return;
    const targets = lora.targetModules.names;
    const present = new Set(modules.flatMap((module) => namesAtEnd(scalingKey(module), targets)));
    const absent = targets.filter(
      (target) =>
        !present.has(target) &&
        this.attempt("targets", () => matchesTarget(lora, target, facts)) !== "excluded",
    );
    if (absent.length > 0) this.note("TENON_ADAPTER_TARGET_ABSENT", absent);
  }

  /** Base parameters in the adapter, and names that shadow paths. */
  saved(component: AdapterComponent, lora: LoraConfig | undefined, base: BaseComponent | undefined): void {
    const { replacements } = component;
    const trained = replacements
      .filter(({ kind }) => kind === "trainedBase")
      .map(({ tensor }) => tensor.name);
    if (trained.length > 0) this.note("TENON_ADAPTER_TRAINED_BASE", trained);
    const vocabulary = vocabularyOf(base?.config);
    for (const { parameter, tensor } of replacements)
      this.found.push(...observeRows(parameter, tensor.name, tensor.shape, vocabulary));
    const missing = (lora?.modulesToSave ?? []).filter((name) => isMissing(name, component, lora, base));
    if (missing.length > 0) this.note("TENON_ADAPTER_SAVED_MODULE_MISSING", missing);
    const isShadow = [...component.modules.values()].some(({ path }) =>
      path.split(".").includes(this.adapter),
    );
    if (isShadow || "lora_".includes(this.adapter)) this.note("TENON_ADAPTER_NAME_SHADOWS", [this.adapter]);
  }

  /** D19: one side keeps experts one by one, the other in one tensor. */
  experts(component: AdapterComponent, base: BaseComponent | undefined): void {
    if (base === undefined) return;
    const single = [...component.modules.keys()].filter((path) => /\.experts\.\d+\./.test(path));
    const fused = [...component.modules.values()].filter(({ path }) => path.endsWith(".experts"));
    if (single.length === 0 && fused.length === 0) return;
    const names = [...base.tensors.keys()];
    const baseIsFused = names.some((name) => /\.experts\.(?:gate_up_proj|down_proj)$/.test(name));
    const baseIsSingle = names.some((name) => /\.experts\.\d+\./.test(name));
    if (single.length > 0 && baseIsFused && !baseIsSingle)
      this.note("TENON_ADAPTER_EXPERT_LAYOUT", single, { base: "fused" });
    if (fused.length > 0 && baseIsSingle && !baseIsFused)
      this.note(
        "TENON_ADAPTER_EXPERT_LAYOUT",
        fused.map(({ path }) => path),
        { base: "single" },
      );
  }
}

/** A wrapped `out_proj` of MultiheadAttention goes by the attention's own path. */
function scalingKey({ path, nesting }: AdapterModule): string {
  return nesting === 1 && path.endsWith(".out_proj") ? path.slice(0, -".out_proj".length) : path;
}

/** (in, r) and (r, out) instead of (r, in) and (out, r). With a square layer only the rank tells. */
function isTurned(a: Tensor, b: Tensor, loraRank: number | undefined): boolean {
  if (a.shape.length !== 2 || b.shape.length !== 2 || a.shape[1] !== b.shape[0]) return false;
  return a.shape[0] !== b.shape[1] || (a.shape[1] === loraRank && a.shape[0] !== loraRank);
}

function isParameterOf(lora: LoraConfig, path: string): boolean {
  return lora.targetParameters.some((name) => {
    const leaf = name.slice(name.lastIndexOf(".") + 1);
    return targetParameterOf(lora, `${path}.${leaf}`) !== undefined;
  });
}

/** With `ensure_weight_tying` PEFT wraps the tied counterpart of a targeted embedding as well. */
function isTiedTarget(lora: LoraConfig, path: string): boolean {
  return lora.ensureWeightTying && embeddingNames.has(path.slice(path.lastIndexOf(".") + 1));
}

function isMissing(
  name: string,
  { replacements }: AdapterComponent,
  lora: LoraConfig | undefined,
  base: BaseComponent | undefined,
): boolean {
  const isAt = (parameter: string): boolean => {
    const segments = parameter.split(".").slice(0, -1);
    return segments.some((_, at) =>
      segments
        .slice(0, at + 1)
        .join(".")
        .endsWith(name),
    );
  };
  if (replacements.some(({ parameter }) => isAt(parameter))) return false;
  if (base !== undefined) return [...base.tensors.keys()].some(isAt);
  // PEFT adds both `classifier` and `score` by itself for classification; a model has one of them.
  return !/^(?:SEQ_CLS|TOKEN_CLS)$/.test(lora?.taskType ?? "");
}
