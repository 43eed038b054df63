import {
  type GeometryContext,
  type LoraConfig,
  type ParameterChange,
  parameterChangesOf,
  parseLoraConfig,
  tokenRowsChange,
} from "../adapters/index.ts";
import { type AdapterComponent, isTenonError, type Step, type Tensor } from "../core/index.ts";
import type { MergeContext } from "./merge-context.ts";
import type { AdapterChoice } from "./merge-input.ts";
import { noConfig, weightOfWhole } from "./merge-refusals.ts";
import type { SettledTie } from "./merge-replacements.ts";
import type { Usage } from "./merge-usage.ts";

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

/** What the low-rank modules and the token rows of an adapter do. What has no place in the base is noted as unused. */
export function added(
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
export function subtracted(
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

/** A step at the weight of its adapter. @throws PlanError TENON_ADAPTER_WEIGHT */
export function weighted(step: Step, choice: AdapterChoice): Step {
  if (choice.weight === 1) return step;
  if (step.kind === "replaceRows") throw weightOfWhole(choice, "rows of an embedding were replaced");
  if (step.kind === "dora") throw weightOfWhole(choice, "DoRA rescales whole rows");
  return { ...step, scaling: step.scaling * choice.weight };
}
