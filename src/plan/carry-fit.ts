import { type LoraConfig, mergeObstacles, misfitsOf, parseLoraConfig } from "../adapters/index.ts";
import { type AdapterComponent, isTenonError, PlanError } from "../core/index.ts";
import { type OverlaidBase, overlayBases } from "./base.ts";
import { type BaseBelow, wholeBase } from "./base-delta.ts";
import type { Carried } from "./carried.ts";
import type { Components } from "./drops.ts";

/**
 * Whether a source can stand on a base, by names and shapes alone. An adapter whose config is not known is only looked
 * up by name; one that cannot be merged anyway is not looked at.
 * @throws PlanError TENON_BASE_NOT_WHOLE, TENON_BASE_NAME_UNKNOWN, TENON_BASE_SHAPE_MISMATCH, TENON_ADAPTER_NOT_IN_BASE
 */
export function refuseMisfits(
  source: Components,
  { base: own, adapters }: Carried,
  { location, layers }: BaseBelow,
  verb: string,
): void {
  const base = wholeBase(location, layers);
  overlayBases([...layers, ...(own === undefined ? [] : [{ label: source.location, base: own }])]);
  for (const { name } of adapters) {
    const adapter = source.adapters.get(name);
    if (adapter === undefined) continue;
    const misfits = misfitsIn(adapter, base);
    if (misfits.size === 0) continue;
    const modules = [...misfits.keys()];
    const [reason] = misfits.values();
    const some = modules.slice(0, 3).join(", ") + (modules.length > 3 ? ", …" : "");
    const message = `${verb}: ${modules.length} of ${adapter.modules.size} modules of adapter ${JSON.stringify(name)} do not fit the base: ${some}: ${reason} (${source.location})`;
    throw new PlanError("TENON_ADAPTER_NOT_IN_BASE", message, {
      details: { adapter: name, modules, source: source.location },
      hint: "Give the base that the adapter was trained on.",
    });
  }
}

/** Module → why it does not fit. */
function misfitsIn(adapter: AdapterComponent, base: OverlaidBase): Map<string, string> {
  const config = configOf(adapter);
  if (config === undefined) return strangersIn(adapter, base);
  // What merging cannot handle lies over its base in a way that is not known here.
  if (mergeObstacles(config).some(({ code }) => code !== "TENON_ADAPTER_REWRITES_BASE")) return new Map();
  const carried = adapter.replacements.map(({ parameter, tensor }) => [parameter, tensor] as const);
  const misfits = misfitsOf({
    adapter: adapter.name,
    config,
    modules: adapter.modules,
    base: new Map([...base.tensors, ...carried]),
    ties: base.ties,
    ...(base.config && { modelConfig: base.config }),
  });
  const counted = misfits.filter(({ error }) =>
    ["TENON_ADAPTER_SHAPE_MISMATCH", "TENON_ADAPTER_TARGET_NOT_FOUND"].includes(error.code),
  );
  return new Map(counted.map(({ module, error }) => [module, error.message]));
}

function configOf({ config, configFrom }: AdapterComponent): LoraConfig | undefined {
  if (config === undefined) return undefined;
  try {
    return parseLoraConfig(config, configFrom ?? "adapter_config.json");
  } catch (error) {
    if (isTenonError(error)) return undefined;
    throw error;
  }
}

/** Modules of which the base has nothing. Experts may be named otherwise on disk than in memory. */
function strangersIn(adapter: AdapterComponent, base: OverlaidBase): Map<string, string> {
  const paths = new Set<string>();
  for (const name of [...base.tensors.keys(), ...base.ties.keys()])
    for (let at = name.lastIndexOf("."); at > 0; at = name.lastIndexOf(".", at - 1))
      paths.add(name.slice(0, at));
  const found = new Map<string, string>();
  for (const [key, { path }] of adapter.modules)
    if (!paths.has(path) && !/\.experts$/.test(path)) found.set(key, "the base has no such module");
  return found;
}
