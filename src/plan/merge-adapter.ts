import {
  type GeometryContext,
  type LoraConfig,
  type MergeObstacle,
  mergeObstacles,
  type ParameterChange,
  parameterChangesOf,
  parseLoraConfig,
  rewritesBase,
  tokenRowsChange,
} from "../adapters/index.ts";
import {
  type AdapterComponent,
  isTenonError,
  type JsonRecord,
  type Replacement,
  type Step,
  type Tensor,
} from "../core/index.ts";
import type { AdapterChoice, AdapterUse, MergeOptions, TieOutcome, UnusedTensor } from "./merge-input.ts";
import { noConfig, obstacle, replacedTwice, replacementShape, weightOfWhole } from "./merge-refusals.ts";
import { decideTie } from "./merge-ties.ts";
import type { MergedParameters } from "./merged-parameters.ts";

/** What all adapters of one merge share. */
export interface MergeContext {
  readonly parameters: MergedParameters;
  readonly modelConfig: JsonRecord | undefined;
  readonly options: MergeOptions;
  readonly isSame: (a: Tensor, b: Tensor) => boolean;
  /** Whether the base tensor of a parameter is the live one that this adapter was saved with. */
  readonly isLiveBase: (choice: AdapterChoice, parameter: string) => boolean;
}

/**
 * Lays one adapter over the parameters: first what replaces them, then what is added, as PEFT's `merge_and_unload` has it
 * in effect.
 * @throws PlanError, UnsupportedError for everything that keeps the merge from being exact; what matches nothing is
 *   in the answer's `unused`
 */
export function layAdapter(
  context: MergeContext,
  choice: AdapterChoice,
): { use: AdapterUse; ties: readonly TieOutcome[] } {
  const { adapter, label } = choice;
  const config = configOf(choice);
  const using = new Usage();
  const ties = settleTies(context, choice, config);
  for (const replacement of adapter.replacements) replace(context, choice, replacement, ties, using);
  const changes = [...(choice.initial === undefined ? [] : subtracted(context, choice, choice.initial))];
  changes.push(...added(context, choice, config, ties, using));
  checkRewrites(context, choice, config, changes);
  for (const { parameter, steps } of changes) {
    const stored = context.parameters.storedName(parameter);
    if (stored === undefined) throw new Error(`internal: no parameter ${parameter}`);
    context.parameters.append(
      stored,
      steps.map((step) => weighted(step, choice)),
    );
  }
  const { source, weight } = choice;
  const use = {
    label,
    source,
    name: adapter.name,
    weight,
    ...using.sortEntries(adapter),
    scaling: using.scaling,
  };
  return { use, ties: ties.map(({ alias, owner, action, reason }) => ({ alias, owner, action, reason })) };
}

function configOf(choice: AdapterChoice): LoraConfig {
  const { config, configFrom } = choice.adapter;
  if (config === undefined) throw noConfig(choice);
  const parsed = parseLoraConfig(config, configFrom ?? "adapter_config.json");
  const found = mergeObstacles(parsed).find((one) => one.code !== rewriteCode);
  if (found !== undefined) throw obstacle(choice, found);
  return parsed;
}

const rewriteCode: MergeObstacle["code"] = "TENON_ADAPTER_REWRITES_BASE";

/** An initialisation that changed the base needs the base it left behind, or the pair it took away. */
function checkRewrites(
  context: MergeContext,
  choice: AdapterChoice,
  config: LoraConfig,
  changes: readonly ParameterChange[],
): void {
  const rewrite = rewritesBase(config);
  if (rewrite === undefined || choice.hasResidualBase === true) return;
  if (choice.initial !== undefined && rewrite.change === "subtracted") return;
  if (changes.every(({ parameter }) => context.isLiveBase(choice, parameter))) return;
  const found = mergeObstacles(config).find(({ code }) => code === rewriteCode);
  if (found !== undefined) throw obstacle(choice, found);
}

interface SettledTie extends TieOutcome {
  readonly skip: string | undefined;
}

/** Decides every tie that the adapter touches, and unties. A copy of a shared weight comes before that. */
function settleTies(context: MergeContext, choice: AdapterChoice, config: LoraConfig): SettledTie[] {
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

function replace(
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
    isResized && (kind === "embedding" || kind === "modulesToSave") && base[0] === modelConfig?.["vocab_size"]
  );
}

function geometry(
  context: MergeContext,
  choice: AdapterChoice,
  config: LoraConfig,
  adapter: AdapterComponent,
): GeometryContext {
  const { parameters, modelConfig, options } = context;
  return {
    adapter: choice.label,
    config,
    modules: adapter.modules,
    base: parameters.tensors(),
    ties: parameters.ties,
    ...(modelConfig && { modelConfig }),
    rounding: options.rounding ?? "once",
  };
}

function added(
  context: MergeContext,
  choice: AdapterChoice,
  config: LoraConfig,
  ties: readonly SettledTie[],
  using: Usage,
): ParameterChange[] {
  const { adapter } = choice;
  const over = geometry(context, choice, config, adapter);
  const changes: ParameterChange[] = [];
  const isSkipped = (path: string): boolean => ties.some(({ skip }) => skip === `${path}.weight`);
  // A tied weight takes its changes in the order of the model, and the input embedding stands first.
  const owners = new Set([...context.parameters.ties.values()]);
  const modules = [...adapter.modules.values()].sort(
    (a, b) => Number(owners.has(`${b.path}.weight`)) - Number(owners.has(`${a.path}.weight`)),
  );
  for (const module of modules) {
    const { path, nesting: _, ...tensors } = module;
    const stored = Object.values(tensors) as Tensor[];
    if (isSkipped(path)) stored.forEach((tensor) => void using.used(tensor));
    else {
      try {
        const found = parameterChangesOf(over, module);
        for (const { steps } of found) using.steps(steps);
        changes.push(...found);
      } catch (error) {
        if (!isTenonError(error) || error.code !== "TENON_ADAPTER_TARGET_NOT_FOUND") throw error;
        for (const tensor of stored) using.unused(tensor, error.message);
      }
    }
  }
  for (const [path, rows] of adapter.tokenDeltas) {
    if (context.parameters.storedName(`${path}.weight`) === undefined)
      using.unused(rows, `the base has no ${path}.weight`);
    else if (isSkipped(path)) using.used(rows);
    else {
      const change = tokenRowsChange(over, path, rows);
      using.steps(change.steps);
      changes.push(change);
    }
  }
  return changes;
}

/** The pair that an initialisation took from the base is taken from it again: W − s₀·B₀A₀. */
function subtracted(
  context: MergeContext,
  choice: AdapterChoice,
  initial: AdapterComponent,
): ParameterChange[] {
  if (initial.config === undefined)
    throw noConfig({ ...choice, label: `${choice.label} (initial)`, adapter: initial });
  const config = parseLoraConfig(initial.config, initial.configFrom ?? "adapter_config.json");
  const over = geometry(context, choice, config, initial);
  return [...initial.modules.values()].flatMap((module) =>
    parameterChangesOf(over, module).map((change) => ({ ...change, steps: change.steps.map(negated) })),
  );
}

function negated(step: Step): Step {
  if (step.kind === "addLowRank" || step.kind === "addVector") return { ...step, scaling: -step.scaling };
  throw new Error(`internal: an initial adapter has a step ${step.kind}`);
}

function weighted(step: Step, choice: AdapterChoice): Step {
  if (choice.weight === 1) return step;
  if (step.kind === "replaceRows") throw weightOfWhole(choice, "rows of an embedding were replaced");
  if (step.kind === "dora") throw weightOfWhole(choice, "DoRA rescales whole rows");
  return { ...step, scaling: step.scaling * choice.weight };
}

/** Which stored tensors of an adapter took part. */
class Usage {
  readonly scaling = new Map<string, number>();
  readonly #used = new Set<string>();
  readonly #unused = new Map<string, string>();

  used(tensor: { readonly id: string }): void {
    this.#used.add(tensor.id);
  }

  unused(tensor: { readonly id: string }, reason: string): void {
    this.#unused.set(tensor.id, reason);
  }

  steps(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.kind === "addLowRank" || step.kind === "dora") {
        this.used(step.left.tensor);
        this.used(step.right.tensor);
        this.scaling.set(step.module, step.scaling);
        if (step.kind === "dora") this.used(step.magnitude);
      } else this.used(step.tensor);
    }
  }

  sortEntries({ entries }: AdapterComponent): Pick<AdapterUse, "used" | "unused" | "ignored"> {
    const used: string[] = [];
    const unused: UnusedTensor[] = [];
    const ignored: UnusedTensor[] = [];
    for (const { tensor, meaning } of entries) {
      const { id, name } = tensor;
      const reason = this.#unused.get(id);
      if (this.#used.has(id)) used.push(name);
      else if (reason !== undefined) unused.push({ name, reason });
      else if (meaning.role === "loraExtra") ignored.push({ name, reason: "a buffer of training" });
      else if (meaning.role === "originalModule")
        ignored.push({ name, reason: "the frozen original of a saved module" });
      else if (meaning.role === "modulesToSave" && meaning.leaf === "bias")
        ignored.push({ name, reason: "a second copy that bias='all' left behind" });
      else unused.push({ name, reason: `nothing uses a tensor of role ${meaning.role}` });
    }
    return { used, unused, ignored };
  }
}
