import type { Tensor } from "../core/index.ts";
import { layouts as ownLayouts } from "../layouts/index.ts";
import {
  type Carried,
  type EditChanges,
  type EditDifference,
  masterState,
  planEdit,
  wholeBase,
} from "../plan/index.ts";
import { type Changed, type ChangeFacts, type ConversionOptions, writeConversion } from "./conversion.ts";
import type { ConversionReport } from "./conversion-report.ts";
import { targetNamed } from "./convert.ts";
import { refuseLostRanks, roundedMasters } from "./edit-bytes.ts";
import type { Host, Source } from "./host.ts";
import { LazyMadeTensor } from "./made-tensor.ts";
import { stepValues } from "./step-values.ts";
import { resolver } from "./write-draft.ts";

export interface EditOptions extends ConversionOptions, EditChanges {
  /** Name of the layout to write. Default: `tenon`. */
  readonly to?: string;
  /**
   * Is given the difference before anything is written, in a dry run too. What it throws stops the edit, and nothing is
   * left of it.
   */
  readonly onDifference?: (difference: EditDifference) => void | Promise<void>;
}

/** What an edit did, or would do. Plain data. */
export interface EditReport extends ConversionReport {
  readonly difference: EditDifference;
}

/** @see Tenon.edit */
export async function edit(host: Host, source: Source, options: EditOptions): Promise<EditReport> {
  const target = targetNamed("edit", options.to ?? "tenon", options.layouts ?? ownLayouts);
  let difference: EditDifference | undefined;
  const change = async (facts: ChangeFacts): Promise<Changed> => {
    const { changed, difference: found } = await changeOf(facts, options);
    difference = found;
    await options.onDifference?.(found);
    return changed;
  };
  const report = await writeConversion(host, source, { verb: "edit", target, change }, options);
  if (difference === undefined) throw new Error("internal: an edit without a difference");
  return { ...report, difference };
}

async function changeOf(
  { checkpoint, carried, opened, findBelow }: ChangeFacts,
  options: EditOptions,
): Promise<{ readonly changed: Changed; readonly difference: EditDifference }> {
  const { signal } = options;
  const { location } = checkpoint;
  const below = needsBase(options, carried) ? await findBelow() : undefined;
  const whole = below && wholeBase(below.location, below.layers);
  const modelConfig = carried.base?.config ?? whole?.config;
  // Bases that were followed are open by now.
  const resolve = resolver(opened);
  const states = [...(carried.optimizer?.states.values() ?? [])];
  const stepIds = states.flatMap((state) => state.get("step")?.source.id ?? []);
  const steps = await stepValues(stepIds.map(resolve), signal);
  const plan = planEdit(
    {
      location,
      carried,
      known: whole?.tensors ?? new Map(),
      knownTies: whole?.ties ?? new Map(),
      stepValues: steps,
      ...(modelConfig && { modelConfig }),
    },
    options,
  );
  const made: Tensor[] = plan.made.map((each) => new LazyMadeTensor(each, resolve));
  // What was added or grew may have been frozen again.
  const resolveAll = resolver(opened, made);
  await refuseLostRanks(plan.ranks, resolve, { location, signal });
  const rounded = await roundedMasters(plan.masters, resolveAll, signal);
  return { changed: { carried: plan.carried, made }, difference: { ...plan.difference, rounded } };
}

/** Whether something is asked of the base below: parameters that the source may not hold, ties. */
function needsBase(
  { base: given, freeze = [], unfreeze = [], addAdapters = [] }: EditOptions,
  { base, optimizer }: Carried,
): boolean {
  // It is open, and says which parameters are tied.
  if (given !== undefined) return true;
  if (unfreeze.length > 0 || addAdapters.some(({ like }) => typeof like !== "string")) return true;
  // A master that goes is compared with the weight that stays.
  const states = [...(optimizer?.states.values() ?? [])];
  return freeze.length > 0 && base?.isComplete !== true && states.some((state) => state.has(masterState));
}
