import {
  type LoraConfig,
  type MergeObstacle,
  mergeObstacles,
  type ParameterChange,
  parseLoraConfig,
  rewritesBase,
} from "../adapters/index.ts";
import { added, subtracted, weighted } from "./merge-changes.ts";
import type { MergeContext } from "./merge-context.ts";
import type { AdapterChoice, AdapterUse, TieOutcome } from "./merge-input.ts";
import { noConfig, obstacle } from "./merge-refusals.ts";
import { replace, settleTies } from "./merge-replacements.ts";
import { Usage } from "./merge-usage.ts";

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
