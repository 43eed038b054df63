import { type LoraConfig, vocabularyOf } from "../adapters/index.ts";
import type { JsonRecord, Replacement } from "../core/index.ts";
import type { MergeContext } from "./merge-context.ts";
import type { AdapterChoice, TieOutcome } from "./merge-input.ts";
import { replacedTwice, replacementShape, weightOfWhole } from "./merge-refusals.ts";
import { decideTie } from "./merge-ties.ts";
import type { Usage } from "./merge-usage.ts";

export interface SettledTie extends TieOutcome {
  readonly skip: string | undefined;
}

/** Decides every tie that the adapter touches, and unties. A copy of a shared weight comes before that. */
export function settleTies(context: MergeContext, choice: AdapterChoice, config: LoraConfig): SettledTie[] {
  const { parameters, isSame, options } = context;
  const settled: SettledTie[] = [];
  for (const [alias, owner] of [...parameters.ties]) {
    const decision = decideTie({ alias, owner }, choice.adapter, config, options.ties ?? "auto", isSame);
    if (decision === undefined) continue;
    const { action, reason, skip } = decision;
    const skipped = skip === undefined ? undefined : skip === "alias" ? alias : owner;
    settled.push({ alias, owner, action, reason, skip: skipped });
    if (action === "kept") continue;
    const shared = choice.adapter.replacements.filter(
      ({ kind, parameter }) =>
        (kind === "embedding" || kind === "trainedBase") && (parameter === alias || parameter === owner),
    );
    const [only] = shared;
    if (only !== undefined && shared.length === 1) putReplacement(context, choice, only, owner);
    parameters.untie(alias);
  }
  return settled;
}

/** Puts what an adapter carries whole into the base's place. */
export function replace(
  context: MergeContext,
  choice: AdapterChoice,
  replacement: Replacement,
  ties: readonly SettledTie[],
  using: Usage,
): void {
  const { parameter, tensor } = replacement;
  const stored = context.parameters.storedName(parameter);
  if (stored === undefined) {
    using.unused(tensor, `the base has no ${parameter}`);
    return;
  }
  using.used(tensor);
  if (ties.some(({ skip }) => skip === parameter)) return;
  putReplacement(context, choice, replacement, stored);
}

function putReplacement(
  { parameters, modelConfig, isSame }: MergeContext,
  choice: AdapterChoice,
  replacement: Replacement,
  stored: string,
): void {
  const { tensor, parameter } = replacement;
  const base = parameters.tensor(stored);
  if (base === undefined || base === tensor) return;
  if (choice.weight !== 1)
    throw weightOfWhole(choice, `"${parameter}" is a copy that takes the base's place`);
  const before = parameters.touchedBy(stored);
  if (before !== undefined && !isSame(base, tensor)) throw replacedTwice(stored, before, choice.label);
  if (!fits(replacement, base.shape, modelConfig)) throw replacementShape(choice, replacement, base);
  parameters.replace(stored, tensor, choice.label);
}

/** The same shape, or an embedding whose vocabulary was resized before training. */
function fits(
  { kind, tensor: { shape } }: Replacement,
  base: readonly number[],
  modelConfig: JsonRecord | undefined,
): boolean {
  if (shape.length === base.length && shape.every((size, axis) => size === base[axis])) return true;
  const isResized = shape.length === 2 && base.length === 2 && shape[1] === base[1];
  return (
    isResized && (kind === "embedding" || kind === "modulesToSave") && base[0] === vocabularyOf(modelConfig)
  );
}
