// Configs of adapters that came without one, once the user has told alpha.
import { derivedLoraConfig, loraOnParameters } from "../adapters/index.ts";
import { type Checkpoint, PlanError, UsageError } from "../core/index.ts";
import type { FoundConfig } from "../layouts/index.ts";

/**
 * A config for each adapter that has none; none at all where the configs that are there say the same alpha, or no adapter is there.
 * @param alpha `lora_alpha`, the same for every adapter without a config
 * @param knownBaseNames canonical names of the base that the source stands on, where one is given apart
 * @throws PlanError TENON_ALPHA_NOT_ENOUGH; UsageError TENON_ALPHA_CONTRADICTED
 */
export function derivedConfigs(
  opened: Checkpoint,
  alpha: number,
  knownBaseNames: ReadonlySet<string> = new Set(),
): ReadonlyMap<string, FoundConfig> {
  const derived = new Map<string, FoundConfig>();
  for (const [name, { config, modules }] of opened.adapters) {
    if (config !== undefined) continue;
    const untold = pathsUntold(opened, name, knownBaseNames);
    if (untold.length > 0) throw notEnough(name, untold, opened.location);
    derived.set(name, { config: derivedLoraConfig(modules.values(), alpha), from: "the alpha option" });
  }
  if (derived.size === 0) refuseContradiction(opened, alpha);
  return derived;
}

/** Modules of an adapter without a config of which alpha alone does not say what LoRA does. */
export function pathsUntold(
  { base, adapters }: Checkpoint,
  name: string,
  knownBaseNames: ReadonlySet<string> = new Set(),
): readonly string[] {
  const modules = adapters.get(name)?.modules.values() ?? [];
  return loraOnParameters(modules, [...(base?.tensors.keys() ?? []), ...knownBaseNames]);
}

function refuseContradiction({ adapters, location }: Checkpoint, alpha: number): void {
  const told = [...adapters.values()].map(({ name, config, configFrom }) => ({
    name,
    from: configFrom ?? "adapter_config.json",
    alpha: config?.["lora_alpha"],
  }));
  const [first] = told;
  if (first === undefined || told.some((each) => each.alpha === alpha)) return;
  const message = `alpha: ${alpha} is given, and ${first.from} of adapter ${JSON.stringify(first.name)} says ${JSON.stringify(first.alpha ?? null)} (${location})`;
  throw new UsageError("TENON_ALPHA_CONTRADICTED", message, {
    details: { found: alpha, adapters: told.map((each) => each.name), source: location },
    hint: "Leave out --alpha, or give the config that counts: --adapter-config FILE",
  });
}

function notEnough(adapter: string, modules: readonly string[], location: string): PlanError {
  const shown = modules.slice(0, 3).join(", ") + (modules.length > 3 ? `, … (${modules.length})` : "");
  const message = `alpha: adapter ${JSON.stringify(adapter)} changes parameters of ${shown}, and without its config neither their names nor their ranks are known (${location})`;
  return new PlanError("TENON_ALPHA_NOT_ENOUGH", message, {
    details: { adapter, modules, source: location },
    hint: "Give the adapter_config.json that PEFT wrote, with its target_parameters: --adapter-config FILE",
  });
}
