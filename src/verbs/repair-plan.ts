import type { Checkpoint } from "../core/index.ts";
import { parametersLacking } from "../doctor/index.ts";
import {
  hf,
  type Layout,
  layouts as ownLayouts,
  peft,
  peftHybrid,
  stateDict,
  tenon,
} from "../layouts/index.ts";
import { type BaseBelow, type ConversionPlan, carry, planConvert, refuseMisfits } from "../plan/index.ts";
import { compareWithBase } from "./compare-base.ts";
import { companionsFrom } from "./copy-tree.ts";
import type { Host } from "./host.ts";
import type { ReadOptions, RunOptions } from "./options.ts";
import type { RepairedComponents } from "./repair-components.ts";
import { tenonVersion } from "./version.ts";

/** Where what was repaired goes, and how. @throws as `carry` and `planConvert` */
export async function planRepair(
  host: Host,
  { checkpoint, drop }: RepairedComponents,
  given: Checkpoint | undefined,
  sources: readonly Checkpoint[],
  options: ReadOptions & RunOptions,
): Promise<{ plan: ConversionPlan; layout: Layout }> {
  const layout = layoutFor(checkpoint, drop, options.layouts ?? ownLayouts);
  const carried = carry(checkpoint, {
    verb: "doctor",
    target: layout.name,
    holds: layout.name === "tenon" ? ["optimizer", "trainer"] : [],
    drop,
  });
  const form = layout.name === "tenon" ? "delta" : layout.name.startsWith("peft") ? "moved" : "whole";
  // A whole base is repaired as it is; only one with gaps has to stand on another.
  const own = carried.base;
  const hasGaps =
    own !== undefined &&
    given?.base !== undefined &&
    (!own.isComplete || parametersLacking(own, given.base).length > 0);
  const below: BaseBelow | undefined =
    hasGaps && given?.base !== undefined
      ? { location: given.location, layers: [{ label: given.location, base: given.base }] }
      : undefined;
  if (below !== undefined) refuseMisfits(checkpoint, carried, below, "doctor");
  const facts = { source: checkpoint, carried, target: layout.name, form, ...(below && { below }) } as const;
  const compared = await compareWithBase(host, facts, sources, options);
  const { location, layout: from } = checkpoint;
  const plan = planConvert(
    {
      source: checkpoint,
      ...compared,
      ...(below && { below }),
      companions: companionsFrom(sources, sources.length - 2),
      origin: { verb: "doctor", location, layout: from, tools: { tenon: tenonVersion } },
    },
    { verb: "doctor", target: layout.name, form },
  );
  return { plan, layout };
}

/** The layout that holds what there is: both halves, adapters alone, or a model alone. */
function layoutFor(
  { base, adapters }: Checkpoint,
  drop: readonly string[],
  layouts: readonly Layout[],
): Layout {
  const hasBase = base !== undefined && !drop.includes("base");
  const hasAdapters = adapters.size > 0 && !drop.includes("adapters");
  const carriesBase = [...adapters.values()].some(({ replacements }) =>
    replacements.some(({ kind }) => kind === "trainedBase"),
  );
  const chosen = hasBase
    ? hasAdapters
      ? tenon
      : base.config === undefined
        ? stateDict
        : hf
    : carriesBase
      ? peftHybrid
      : peft;
  return layouts.find(({ name }) => name === chosen.name) ?? chosen;
}
