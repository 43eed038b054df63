import type { AdapterComponent, Checkpoint, Observation } from "../../core/index.ts";
import { type GivenBase, layOver } from "./fit.ts";

const strangerCode = "TENON_NAMES_NOT_IN_BASE";
/** Findings that already say what a name is that the base lacks. */
const explained: ReadonlySet<string> = new Set([
  "TENON_NAMES_FOREIGN",
  "TENON_NAMES_OUTSIDE_MODEL",
  "TENON_NAMES_QUANTISED",
]);

/**
 * Names that the base lacks, less those that have an explanation: another finding, a kind of adapter that adds modules, or
 * experts that one side keeps fused. Those last become TENON_ADAPTER_EXPERT_LAYOUT.
 */
export function refineStrangers(
  observations: readonly Observation[],
  { adapters }: Checkpoint,
  given: GivenBase,
): Observation[] {
  if (!observations.some(({ code }) => code === strangerCode)) return [...observations];
  const known = new Set(observations.filter(({ code }) => explained.has(code)).flatMap(({ names }) => names));
  const experts: Observation[] = [];
  for (const adapter of adapters.values()) {
    const fitting = fittingModules(adapter, given);
    for (const { tensor, meaning } of adapter.entries)
      if (fitting.has(meaning.module)) known.add(tensor.name);
    const fused = [...fitting].filter((path) => path.endsWith(".experts"));
    if (fused.length > 0) {
      const facts = { adapter: adapter.name, base: "single" };
      experts.push({ code: "TENON_ADAPTER_EXPERT_LAYOUT", names: fused, facts });
    }
  }
  const refined = observations.flatMap((one) => {
    if (one.code !== strangerCode) return [one];
    const names = one.names.filter((name) => !known.has(name));
    return names.length > 0 ? [{ ...one, names, facts: { ...one.facts, count: names.length } }] : [];
  });
  return [...refined, ...experts];
}

/** Paths of modules that can be laid over the base all the same, or of which that cannot be said. */
function fittingModules(adapter: AdapterComponent, given: GivenBase): ReadonlySet<string> {
  const misfits = adapter.config === undefined ? undefined : layOver(adapter, given);
  if (misfits === undefined)
    return new Set(adapter.config === undefined ? [] : [...adapter.modules.values()].map(({ path }) => path));
  const misfitting = new Set(misfits.map(({ module }) => adapter.modules.get(module)?.path));
  return new Set(
    [...adapter.modules.values()].map(({ path }) => path).filter((path) => !misfitting.has(path)),
  );
}
