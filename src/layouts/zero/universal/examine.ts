// What shows only in values (steps), and what whoever resumes must know.
import { type Draft, type Json, jsonText, PlanError, type TensorMeta } from "../../../core/index.ts";
import { liveModel } from "../../live-model.ts";
import { namedBase } from "../../named-base.ts";
import { adapterFolder } from "../../split-model.ts";
import { runFacts } from "./model-object.ts";
import { numberInBytes } from "./state-file.ts";
import { loadsInStage3, stateless, type TrainedGroup, trainedGroups } from "./trained.ts";

/**
 * @param read the bytes of a small tensor
 * @returns sentences for the report
 * @throws PlanError TENON_UNIVERSAL_STEPS_UNEQUAL, TENON_UNIVERSAL_STATE_MISFIT, and as `trainedGroups`
 */
export async function examineUniversal(
  draft: Draft,
  read: (tensor: TensorMeta) => Promise<Uint8Array>,
): Promise<readonly string[]> {
  const groups = trainedGroups(draft, liveModel(draft));
  const known = new Map<string, number>();
  const steps: (number | undefined)[] = [];
  for (const { parameters } of groups) {
    const own = new Map<number | undefined, string>();
    for (const { canonical, step } of parameters) {
      if (step === undefined) continue;
      const { source } = step;
      const value = known.get(source.id) ?? numberInBytes(source, await read(source));
      if (value === undefined) throw noStep(canonical, source);
      known.set(source.id, value);
      own.set(value, own.get(value) ?? canonical);
    }
    if (own.size > 1) throw unequal([...own]);
    steps.push([...own.keys()][0]);
  }
  return [...startFrom(draft), ...runAdvice(draft, groups), ...stage3Advice(groups, steps)];
}

function startFrom({ base, adapters }: Draft): readonly string[] {
  const isWhole = base?.isComplete === true;
  const named = namedBase({ ...(base && { base }), adapters });
  const known = named === undefined ? "" : `, ${named},`;
  const home = isWhole ? "base/" : `the model that this was trained from${known}`;
  const own = adapters.map(({ name }) => adapterFolder(name));
  const beside = isWhole ? "" : "; convert with --base DIR to have it written beside";
  const on = own.length > 0 ? ` with ${own.join(" and ")} on it` : "";
  const lacking = [
    ...(isWhole && base.config === undefined ? ["base/ has no config.json: --base DIR gives it"] : []),
    ...adapters
      .filter(({ config }) => Object.keys(config).length === 0)
      .map(({ name }) => `${adapterFolder(name)} has no adapter_config.json: --adapter-config FILE gives it`),
  ];
  return [
    `DeepSpeed restores trained parameters alone: build the model from ${home}${on} before load_checkpoint${beside}`,
    ...lacking,
  ];
}

function runAdvice(draft: Draft, groups: readonly TrainedGroup[]): readonly string[] {
  const frozen = stateless(draft);
  const { deepspeed } = runFacts(draft);
  return [
    ...(frozen.length > 0
      ? [
          `${frozen.length} parameters of the optimizer have no state, as frozen ones have none, and get no folder: DeepSpeed fails if it is to train one (${frozen.slice(0, 3).join(", ")}${frozen.length > 3 ? ", …" : ""})`,
        ]
      : []),
    ...(runFacts(draft).areStepsKnown
      ? []
      : [
          "the source does not say how many steps the run made: global_steps is 0, and logs count from there",
        ]),
    ...(deepspeed["dynamic_loss_scale"] === true && deepspeed["loss_scaler"] === undefined
      ? ["the source ran without ZeRO, whose loss scale no stage takes over: it starts as it is configured"]
      : []),
    ...(groups.every(({ settings }) => Object.keys(settings).length === 0)
      ? ["the source keeps no settings of param groups: those of the run that resumes stay"]
      : []),
  ];
}

function stage3Advice(
  groups: readonly TrainedGroup[],
  steps: readonly (number | undefined)[],
): readonly string[] {
  if (!loadsInStage3(groups))
    return [
      "stages 1 and 2 load this; stage 3 needs exp_avg, exp_avg_sq and a step, and is given no model file",
    ];
  const differing = settingsThatDiffer(groups);
  const advice: string[] = [];
  if (groups.length > 1)
    advice.push(
      "DeepSpeed's stage 3 gives all its sub-groups one tensor for the step, which torch's optimizers then count up once for each: with several param groups the bias corrections of Adam are off; resume in stage 1 or 2",
    );
  if (differing.length > 0)
    advice.push(
      `DeepSpeed's stage 3 gives every param group the settings of the first one: ${differing.join("; ")}; set them again after loading, or resume in stage 1 or 2`,
    );
  if (new Set(steps).size > 1)
    advice.push(
      `DeepSpeed's stage 3 gives every param group the step of the first one, and they are ${steps.join(", ")}: resume in stage 1 or 2`,
    );
  return advice;
}

/** `weight_decay 0.1, 0`, for each setting of which the groups have several values. */
function settingsThatDiffer(groups: readonly TrainedGroup[]): readonly string[] {
  const keys = new Set(groups.flatMap(({ settings }) => Object.keys(settings)));
  return [...keys].flatMap((key) => {
    const values = groups.map(({ settings }) => jsonText((settings[key] ?? null) as Json));
    return new Set(values).size > 1 ? [`${key} ${values.join(", ")}`] : [];
  });
}

function noStep(canonical: string, { dtype, shape }: TensorMeta): PlanError {
  const message = `universal: ${JSON.stringify(canonical)} has a step of ${dtype} [${shape.join(", ")}], one number is expected`;
  return new PlanError("TENON_UNIVERSAL_STATE_MISFIT", message, {
    details: { parameter: canonical, state: "step", dtype, shape },
  });
}

function unequal(steps: readonly (readonly [number | undefined, string])[]): PlanError {
  const listed = steps.slice(0, 3).map(([step, name]) => `${step} of ${JSON.stringify(name)}`);
  const message = `universal: one param group has several steps, and DeepSpeed takes one: ${listed.join(", ")}`;
  return new PlanError("TENON_UNIVERSAL_STEPS_UNEQUAL", message, {
    details: { steps: steps.slice(0, 10).map(([step, parameter]) => ({ step: step ?? null, parameter })) },
    hint: "Resume in the framework that saved it, or write the layout tenon, which keeps each step.",
  });
}
