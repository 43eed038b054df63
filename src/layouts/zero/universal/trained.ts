// From a draft to what the folders of a universal checkpoint hold: every trained parameter, its master and its states.
import { type Draft, PlanError, type Recipe, type Shape, sameShape } from "../../../core/index.ts";
import { markedSettings } from "../../group-settings.ts";
import type { LiveModel } from "../../live-model.ts";
import { refuseFolders } from "./folder-names.ts";
import { adamMoments, masterName, momentNames, stepName } from "./wire.ts";

export interface TrainedParameter {
  readonly canonical: string;
  /** Its name in the live model, and its folder's. */
  readonly live: string;
  readonly shape: Shape;
  /** `fp32` and the moments, each F32 and of the parameter's shape. */
  readonly states: ReadonlyMap<string, Recipe>;
  readonly step: Recipe | undefined;
}

export interface TrainedGroup {
  /** Its index among the groups of the source. */
  readonly at: number;
  readonly settings: NonNullable<Draft["optimizer"]>["groups"][number]["settings"];
  readonly parameters: readonly TrainedParameter[];
}

/**
 * The param groups of a draft that have parameters. A parameter without a master of its own starts from its weights, which
 * F32 holds exactly.
 * @throws PlanError TENON_UNIVERSAL_NEEDS_OPTIMIZER, TENON_UNIVERSAL_WEIGHT_MISSING, TENON_UNIVERSAL_STATE_MISFIT,
 *   TENON_UNIVERSAL_STATE_LACKING, TENON_UNIVERSAL_FOLDER_NAME
 */
export function trainedGroups(
  { optimizer, base }: Pick<Draft, "optimizer" | "base">,
  { entries, names }: LiveModel,
): readonly TrainedGroup[] {
  const groups = [...(optimizer?.groups ?? []).entries()].filter(
    ([, { parameters }]) => parameters.length > 0,
  );
  if (optimizer === undefined || groups.length === 0)
    throw new PlanError(
      "TENON_UNIVERSAL_NEEDS_OPTIMIZER",
      "universal: a universal checkpoint is an optimizer's state, and there is none of any parameter",
      { details: {}, hint: "To keep weights alone, write the layout tenon, hf, peft or state-dict." },
    );
  const weights = new Map(entries.map(({ name, recipe }) => [name, recipe]));
  const frozen = new Set(stateless({ optimizer }));
  const trainedOf = (parameters: readonly string[]): readonly string[] =>
    parameters.filter((canonical) => !frozen.has(canonical));
  const kept = groups.filter(([, { parameters }]) => trainedOf(parameters).length > 0);
  const found = kept.map(([at, { parameters, settings }]) => ({
    at,
    settings: markedSettings(settings, optimizer),
    parameters: trainedOf(parameters).map((canonical) => {
      const live = names.get(canonical);
      const weight = weights.get(live ?? "");
      if (live === undefined || weight === undefined)
        throw weightMissing(canonical, base?.reference?.location);
      return trained(canonical, live, weight, optimizer.states.get(canonical) ?? new Map());
    }),
  }));
  for (const group of found) refuseUneven(group);
  refuseFolders(found.flatMap(({ parameters }) => parameters.map(({ live }) => live)));
  return found;
}

/**
 * Parameters of an optimizer that has made steps which have no state at all: it was given frozen ones too. DeepSpeed leaves
 * frozen ones out, and fails when one that it trains has no folder.
 */
export function stateless({ optimizer }: Pick<Draft, "optimizer">): readonly string[] {
  if (optimizer === undefined) return [];
  const { states, groups } = optimizer;
  const isStepped = [...states.values()].some((own) => [...own.keys()].some((state) => state !== masterName));
  if (!isStepped) return [];
  return groups.flatMap(({ parameters }) =>
    parameters.filter((canonical) => (states.get(canonical)?.size ?? 0) === 0),
  );
}

function trained(
  canonical: string,
  live: string,
  weight: Recipe,
  own: ReadonlyMap<string, Recipe>,
): TrainedParameter {
  const unknown = [...own.keys()].find((state) => ![masterName, stepName, ...momentNames].includes(state));
  if (unknown !== undefined) {
    const what = `has the state ${JSON.stringify(unknown)}, which DeepSpeed would not take from a folder`;
    throw misfit(canonical, unknown, what);
  }
  const states = new Map([
    [masterName, exactly(canonical, masterName, own.get(masterName) ?? weight, weight)],
  ]);
  for (const state of momentNames) {
    const recipe = own.get(state);
    if (recipe !== undefined) states.set(state, exactly(canonical, state, recipe, weight));
  }
  return { canonical, live, shape: weight.shape, states, step: own.get(stepName) };
}

/** The state in F32, of the weight's shape: DeepSpeed flattens it, and would take another one for a slice. */
function exactly(canonical: string, state: string, recipe: Recipe, { shape }: Recipe): Recipe {
  if (!sameShape(recipe.shape, shape)) {
    const what = `has ${state} of [${recipe.shape.join(", ")}], its weights are [${shape.join(", ")}]`;
    throw misfit(canonical, state, what);
  }
  if (!["F32", "BF16", "F16"].includes(recipe.dtype))
    throw misfit(canonical, state, `has ${state} of ${recipe.dtype}, which F32 does not hold exactly`);
  return { ...recipe, dtype: "F32" };
}

/**
 * DeepSpeed takes the states of the first parameter of a group for those of all, and goes on from its own count where there
 * is no step. A group without moments has not made a step yet.
 */
function refuseUneven({ parameters, settings }: TrainedGroup): void {
  const kinds = new Set(parameters.flatMap(({ states }) => [...states.keys()]));
  const moments = [...adamMoments].some((moment) => kinds.has(moment)) ? adamMoments : [];
  const isCounted = parameters.some(({ step }) => step !== undefined);
  for (const { canonical, states, step } of parameters) {
    const missing = [...kinds, ...moments].find((state) => !states.has(state));
    if (missing !== undefined) throw lacking(canonical, missing);
    // FusedAdam counts by group.
    const needsStep = isCounted || (moments.length > 0 && typeof settings[stepName] !== "number");
    if (step === undefined && needsStep) throw lacking(canonical, stepName);
  }
}

/** @param below what a part of a base stands on, which was not found there: its parameters are as they are in that */
function weightMissing(canonical: string, below: string | undefined): PlanError {
  const where = below === undefined ? "" : `, which stands on ${below}`;
  const message = `universal: ${JSON.stringify(canonical)} is in the optimizer, and the source${where} has no weights of it`;
  return new PlanError("TENON_UNIVERSAL_WEIGHT_MISSING", message, {
    details: { parameter: canonical, base: below ?? null },
    hint:
      below === undefined
        ? "Look for a save of the same run that has them. To keep weights alone, write the layout tenon, hf, peft or state-dict."
        : "Say where that base is now: --base DIR",
  });
}

function misfit(canonical: string, state: string, what: string): PlanError {
  const message = `universal: ${JSON.stringify(canonical)} ${what}`;
  return new PlanError("TENON_UNIVERSAL_STATE_MISFIT", message, {
    details: { parameter: canonical, state, known: [masterName, ...momentNames, stepName] },
    hint: "Resume in the framework that saved it, or write the layout tenon, which keeps any state.",
  });
}

function lacking(canonical: string, state: string): PlanError {
  const message = `universal: ${JSON.stringify(canonical)} has no ${state}, which its param group needs of every parameter`;
  return new PlanError("TENON_UNIVERSAL_STATE_LACKING", message, {
    details: { parameter: canonical, state },
    hint: "Take a save that has it, or write the layout tenon, which keeps what there is.",
  });
}

/** Stage 3 asks for both moments of Adam and for a step. */
export function loadsInStage3(groups: readonly TrainedGroup[]): boolean {
  return groups.every(({ parameters, settings }) =>
    parameters.every(
      ({ states, step }) =>
        states.size === adamMoments.length + 1 &&
        adamMoments.every((moment) => states.has(moment)) &&
        (step !== undefined || typeof settings[stepName] === "number"),
    ),
  );
}
