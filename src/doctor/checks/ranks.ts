import type { AdapterComponent, Observation } from "../../core/index.ts";

/**
 * Tells the two reasons apart why ranks differ from the config. If every module has twice its rank, a conversion may have
 * doubled rank and alpha (PiSSA's, to [A; A₀]), and the scaling is not known; else the config lost ranks, and alpha stands.
 */
export function refineRanks(
  observations: readonly Observation[],
  adapters: ReadonlyMap<string, AdapterComponent>,
): Observation[] {
  const doubled = new Set(
    [...adapters].flatMap(([name, { modules }]) => {
      const own = observations.filter((one) => isMismatchOf(one, name));
      const isDoubled =
        own.length === modules.size && own.every(({ facts }) => facts?.["isDoubled"] === true);
      return isDoubled ? own : [];
    }),
  );
  return observations.map((one) => (doubled.has(one) ? { ...one, code: "TENON_ADAPTER_RANK_DOUBLED" } : one));
}

function isMismatchOf({ code, facts }: Observation, adapter: string): boolean {
  return code === "TENON_ADAPTER_RANK_MISMATCH" && facts?.["adapter"] === adapter;
}
