/**
 * Takes the prefixes of wrappers off a whole set of names.
 *
 * It must see the set: a model may really have a submodule called `module` or `model`, and only the company of a name
 * tells. Rules that hold for one name alone (`_orig_mod`) are applied to each; the rest to all or none.
 */
import { hiddenSegments, languageModelAttributes, modelBodies, modelHeads } from "./wire.ts";

export interface Unwrapped {
  readonly segments: readonly string[];
  /** What was taken off, in order. */
  readonly wrappers: readonly string[];
}

interface Draft {
  segments: string[];
  readonly wrappers: string[];
}

export interface PrefixResult {
  readonly names: ReadonlyMap<string, Unwrapped>;
  /** Attributes that held a wrapped model (`llm` of `llm.base_model.model…`), and whether they were taken off. */
  readonly attributes: readonly { readonly path: string; readonly isKept: boolean }[];
}

/** @param knownTops first segments of the base model's own names, where they are known */
export function unwrapNames(names: readonly string[], knownTops?: ReadonlySet<string>): PrefixResult {
  const drafts = new Map<string, Draft>(names.map((name) => [name, hidden(name.split("."))]));
  const all = [...drafts.values()];
  const attributes = new Map<string, boolean>();
  // Wrappers nest in any order (Lightning around DDP around PEFT), so the rules repeat until none applies. Each takes
  // at least one segment off, so this ends.
  while (
    takeAll(all, "module", knownTops) ||
    takeAutoModel(all) ||
    takePeft(all, attributes) ||
    takeLightning(all, knownTops)
  );
  takeShortPeft(all, knownTops);
  return {
    names: drafts,
    attributes: [...attributes].map(([path, isKept]) => ({ path, isKept })),
  };
}

function hidden(segments: string[]): Draft {
  if (!segments.some((segment) => segment.startsWith("_") && hiddenSegments.has(segment)))
    return { segments, wrappers: [] };
  const kept = segments.filter((segment, at) => !hiddenSegments.has(segment) || at === segments.length - 1);
  const wrappers = segments.slice(0, -1).filter((segment) => hiddenSegments.has(segment));
  return { segments: kept, wrappers: [...new Set(wrappers)] };
}

function take(draft: Draft, count: number, wrapper: string): void {
  draft.segments.splice(0, count);
  draft.wrappers.push(wrapper);
}

/** DDP and DataParallel: every name starts with the segment, or none lost it. */
function takeAll(all: readonly Draft[], segment: string, knownTops?: ReadonlySet<string>): boolean {
  if (knownTops?.has(segment) || all.length === 0) return false;
  if (!all.every(({ segments }) => segments.length > 1 && segments[0] === segment)) return false;
  for (const draft of all) take(draft, 1, segment);
  return true;
}

/** sentence-transformers keeps the transformer under `0.auto_model`, beside poolings `1.…`. */
function takeAutoModel(all: readonly Draft[]): boolean {
  const found = all.filter(
    ({ segments }) => segments.length > 2 && segments[0] === "0" && segments[1] === "auto_model",
  );
  for (const draft of found) take(draft, 2, "0.auto_model");
  return found.length > 0;
}

/** Depth at which `base_model.model` is still looked for: `module.model.llm.base_model.model` is the deepest seen. */
const attributeDepth = 4;

function peftAt(segments: readonly string[]): number {
  for (let at = 0; at <= attributeDepth && at + 2 < segments.length; at++)
    if (segments[at] === "base_model" && segments[at + 1] === "model") return at;
  return -1;
}

/**
 * `base_model.model` at the start, or below an attribute of the module that holds the PeftModel. The attribute goes
 * too, unless it is part of the name that transformers gives (`language_model`), several models are held, or a name
 * outside the attribute would then collide.
 */
function takePeft(all: readonly Draft[], attributes: Map<string, boolean>): boolean {
  const found = all
    .map((draft) => ({ draft, at: peftAt(draft.segments) }))
    .filter(({ at, draft }) => at >= 0 && draft.segments.length > at + 2);
  if (found.length === 0) return false;
  const outside = all.filter(({ segments }) => peftAt(segments) < 0);
  const paths = new Set(found.map(({ draft, at }) => draft.segments.slice(0, at).join(".")));
  const isKept = paths.size > 1 || [...paths].some(isLanguageModel) || collides(found, outside);
  for (const path of paths) if (path !== "") attributes.set(path, isKept);
  for (const { draft, at } of found) {
    const attribute = draft.segments.splice(0, at + 2).slice(0, at);
    if (attribute.length > 0 && isKept) draft.segments.unshift(...attribute);
    else if (attribute.length > 0) draft.wrappers.push(attribute.join("."));
    draft.wrappers.push("base_model.model");
  }
  return true;
}

function isLanguageModel(path: string): boolean {
  return languageModelAttributes.has(path.split(".").at(-1) ?? "");
}

function collides(found: readonly { draft: Draft; at: number }[], outside: readonly Draft[]): boolean {
  const tops = new Set(found.map(({ draft, at }) => draft.segments[at + 2]));
  return outside.some(({ segments }) => tops.has(segments[0]));
}

/**
 * Lightning puts the whole model under `model`. Taken off only where what follows is the top of a model again
 * (`model.model.layers…` beside `model.lm_head.weight`), since Llama's own names start with `model` as well.
 */
function takeLightning(all: readonly Draft[], knownTops?: ReadonlySet<string>): boolean {
  if (all.length === 0 || !all.every(({ segments }) => segments.length > 2 && segments[0] === "model"))
    return false;
  const next = new Set(all.map(({ segments }) => segments[1] as string));
  const isTop = knownTops ?? new Set([...modelBodies, ...modelHeads]);
  const hasBody = [...next].some((segment) => (knownTops ?? modelBodies).has(segment));
  if (!hasBody || ![...next].every((segment) => isTop.has(segment))) return false;
  for (const draft of all) take(draft, 1, "model");
  return true;
}

/** `base_model.` with its `model.` lost. */
function takeShortPeft(all: readonly Draft[], knownTops?: ReadonlySet<string>): void {
  takeAll(all, "base_model", knownTops);
}
