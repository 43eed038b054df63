import { misfitsOf, parseLoraConfig } from "../adapters/index.ts";
import { type AdapterComponent, isTenonError, PlanError, type TenonError } from "../core/index.ts";
import { type OverlaidBase, overlayBases } from "./base.ts";
import { type BaseBelow, wholeBase } from "./base-delta.ts";
import type { Carried } from "./carried.ts";
import type { Components } from "./drops.ts";

/**
 * Whether a source can stand on a base, by names and shapes alone. An adapter whose config is not known, or that could
 * not be merged for another reason, is only looked up by name.
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
  const paths = new Set<string>();
  for (const name of [...base.tensors.keys(), ...base.ties.keys()])
    for (let at = name.lastIndexOf("."); at > 0; at = name.lastIndexOf(".", at - 1))
      paths.add(name.slice(0, at));
  const found = new Map<string, string>();
  for (const [key, { path }] of adapter.modules)
    if (!paths.has(path)) found.set(key, "the base has no such module");
  if (found.size > 0) return found;
  for (const { module, error } of geometryMisfits(adapter, base))
    if (error.code === "TENON_ADAPTER_SHAPE_MISMATCH") found.set(module, error.message);
  return found;
}

function geometryMisfits(
  adapter: AdapterComponent,
  { tensors, ties, config: modelConfig }: OverlaidBase,
): readonly { readonly module: string; readonly error: TenonError }[] {
  if (adapter.config === undefined) return [];
  try {
    const config = parseLoraConfig(adapter.config, adapter.configFrom ?? "adapter_config.json");
    return misfitsOf({
      adapter: adapter.name,
      config,
      modules: adapter.modules,
      base: tensors,
      ties,
      ...(modelConfig && { modelConfig }),
    });
  } catch (error) {
    if (isTenonError(error)) return [];
    throw error;
  }
}
