import type { LoraConfig } from "../adapters/index.ts";
import type { AdapterComponent, Tensor } from "../core/index.ts";
import type { TiePolicy } from "./merge-input.ts";

/** What an adapter does to one use of a tied weight. */
interface Touch {
  readonly lowRank: boolean;
  readonly saved: Tensor | undefined;
  readonly embedding: Tensor | undefined;
  readonly trainedBase: Tensor | undefined;
  readonly tokens: Tensor | undefined;
}

export interface TieDecision {
  readonly action: "kept" | "untied";
  readonly reason: string;
  /** Uses that are left alone, because the other one brings the same change. */
  readonly skip?: "owner" | "alias";
}

/**
 * Decides whether an alias stays tied under one adapter. Undefined when the adapter touches neither use.
 * PEFT merges into the shared tensor, which changes both uses; what the adapter does in the live model is what counts
 * here (`docs/formats/peft.md`).
 */
export function decideTie(
  { alias, owner }: { readonly alias: string; readonly owner: string },
  adapter: AdapterComponent,
  config: LoraConfig,
  policy: TiePolicy,
  isSame: (a: Tensor, b: Tensor) => boolean,
): TieDecision | undefined {
  const [a, o] = [touchOf(alias, adapter), touchOf(owner, adapter)];
  if (!isTouched(a) && !isTouched(o)) return undefined;
  if (policy === "keep")
    return { action: "kept", reason: "as asked for: every change goes to the one tensor" };
  if (policy === "untie") return { action: "untied", reason: "as asked for" };
  if (config.ensureWeightTying) {
    const both = a.lowRank && o.lowRank;
    const reason = "ensure_weight_tying: both uses were trained as one";
    return {
      action: "kept",
      reason,
      ...(both || (isTouched(a) && isTouched(o)) ? { skip: "alias" as const } : {}),
    };
  }
  const untied = (what: string): TieDecision => ({ action: "untied", reason: what });
  if (a.lowRank || o.lowRank) {
    const which =
      a.lowRank && o.lowRank
        ? "both uses have LoRA of their own"
        : `only ${a.lowRank ? alias : owner} has LoRA`;
    return untied(which);
  }
  if (a.saved !== undefined || o.saved !== undefined)
    return untied("modules_to_save trained a copy of one use");
  for (const [one, other] of [
    [a.embedding, o.embedding],
    [a.trainedBase, o.trainedBase],
    [a.tokens, o.tokens],
  ] as const) {
    if (one !== undefined && other !== undefined && !isSame(one, other))
      return untied("both uses are stored, and they differ");
  }
  const skip = isTouched(a) && isTouched(o) ? { skip: "alias" as const } : {};
  return { action: "kept", reason: "both uses change alike", ...skip };
}

function touchOf(parameter: string, adapter: AdapterComponent): Touch {
  const dot = parameter.lastIndexOf(".");
  const path = parameter.slice(0, dot);
  const stored = (kind: string): Tensor | undefined =>
    adapter.replacements.find((found) => found.kind === kind && found.parameter === parameter)?.tensor;
  return {
    lowRank: parameter.endsWith(".weight") && adapter.modules.has(path),
    saved: stored("modulesToSave") ?? stored("bias"),
    embedding: stored("embedding"),
    trainedBase: stored("trainedBase"),
    tokens: adapter.tokenDeltas.get(path),
  };
}

function isTouched({ lowRank, saved, embedding, trainedBase, tokens }: Touch): boolean {
  return lowRank || (saved ?? embedding ?? trainedBase ?? tokens) !== undefined;
}
