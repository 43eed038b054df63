import { defaultTargets } from "./config/default-targets.ts";
import type { LoraConfig, ModuleRule } from "./config/lora-config.ts";
import { fullRule, layerRule, type PathRule, segmentRule } from "./patterns/path-rules.ts";

/** What the config says about a module: `unknown` where only the live model could tell. */
export type TargetMatch = "target" | "excluded" | "no" | "unknown";

export interface ModelFacts {
  /** `model_type` of config.json: decides when `target_modules` is null. */
  readonly modelType?: string;
}

/**
 * Whether PEFT would put LoRA on the module at `path` (path inside the model, without `base_model.model.`).
 *
 * A list matches by exact or dotted suffix, one string by full match; `exclude_modules` and `modules_to_save` win.
 * `layers_to_transform` narrows suffix matches only: a path given in full is targeted in any case.
 * @throws the errors of patterns that cannot be run
 * @see peft `tuners/tuners_utils.py` check_target_module_exists
 */
export function matchesTarget(config: LoraConfig, path: string, facts: ModelFacts = {}): TargetMatch {
  const rules = rulesOf(config);
  if (rules.excluded(path)) return "excluded";
  const target = config.targetModules ?? defaultTargets(facts.modelType);
  if (target === null) return config.targetParameters.length > 0 ? "no" : "unknown";
  if (target.kind === "allLinear") return "unknown";
  if (target.kind === "regex") return rules.full(target.pattern).matches(path) ? "target" : "no";
  const ends = namesAtEnd(path, target.names);
  if (ends.includes(path)) return "target";
  if (ends.length === 0) return "no";
  return rules.isInLayers(path) ? "target" : "no";
}

/** The entry of `target_parameters` that names a parameter, by exact or dotted suffix. */
export function targetParameterOf(config: LoraConfig, parameter: string): string | undefined {
  return config.targetParameters.find((name) => parameter === name || parameter.endsWith(`.${name}`));
}

/**
 * The path of the module, at or above `path`, that `modules_to_save` copies whole. PEFT compares by raw `endswith`,
 * without a dot: `norm` takes `input_layernorm` too.
 */
export function savedModuleOf(config: LoraConfig, path: string): string | undefined {
  const segments = path.split(".");
  for (let count = 1; count <= segments.length; count++) {
    const above = segments.slice(0, count).join(".");
    if (config.modulesToSave.some((name) => name !== "" && above.endsWith(name))) return above;
  }
  return undefined;
}

interface Suffixes {
  readonly names: ReadonlySet<string>;
  /** Dots in the name that has most of them. */
  readonly dots: number;
}

const suffixes = new WeakMap<readonly string[], Suffixes>();

/** A list of names to look up in: both the list and the modules may be tens of thousands. */
function suffixesOf(names: readonly string[]): Suffixes {
  const known = suffixes.get(names);
  if (known !== undefined) return known;
  const dots = names.reduce((most, name) => Math.max(most, name.split(".").length - 1), 0);
  const made = { names: new Set(names), dots };
  suffixes.set(names, made);
  return made;
}

/** The names that a path is, or ends with after a dot. */
export function namesAtEnd(path: string, list: readonly string[]): readonly string[] {
  const { names, dots } = suffixesOf(list);
  const found = names.has(path) ? [path] : [];
  let at = path.length;
  for (let count = 0; count <= dots && at > 0; count++) {
    at = path.lastIndexOf(".", at - 1);
    if (at < 0) break;
    const end = path.slice(at + 1);
    if (names.has(end)) found.push(end);
  }
  return found;
}

function endsWithAny(path: string, names: readonly string[]): boolean {
  return namesAtEnd(path, names).length > 0;
}

interface Rules {
  excluded(path: string): boolean;
  full(pattern: string): PathRule;
  isInLayers(path: string): boolean;
}

const compiledRules = new WeakMap<LoraConfig, Rules>();

function rulesOf(config: LoraConfig): Rules {
  const known = compiledRules.get(config);
  if (known !== undefined) return known;
  const made = makeRules(config);
  compiledRules.set(config, made);
  return made;
}

function makeRules(config: LoraConfig): Rules {
  const { from, excludeModules, modulesToSave, layersToTransform, layersPattern } = config;
  const exclusion = excludeModules && ruleFor(excludeModules, from);
  const saved = modulesToSave.map((name) => segmentRule(name, { field: "modules_to_save", from }));
  const full = new Map<string, PathRule>();
  const patterns = layersPattern.length === 0 ? [undefined] : layersPattern;
  const layers =
    (layersToTransform?.length ?? 0) === 0
      ? []
      : patterns.map((pattern) => layerRule(pattern, { field: "layers_pattern", from }));
  return {
    excluded: (path) => exclusion?.matches(path) === true || saved.some((rule) => rule.matches(path)),
    full(pattern) {
      const rule = full.get(pattern) ?? fullRule(pattern, { field: "target_modules", from });
      full.set(pattern, rule);
      return rule;
    },
    isInLayers(path) {
      if (layers.length === 0) return true;
      const index = layers.map((rule) => rule.layerIndex(path)).find((found) => found !== undefined);
      return index !== undefined && (layersToTransform?.includes(Number(index)) ?? false);
    },
  };
}

function ruleFor(rule: ModuleRule, from: string): PathRule {
  if (rule.kind === "regex") return fullRule(rule.pattern, { field: "exclude_modules", from });
  const names = rule.kind === "names" ? rule.names : ["all-linear"];
  return { matches: (path) => endsWithAny(path, names) };
}
