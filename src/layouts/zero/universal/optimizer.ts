// `zero/optimizer_state.pt`: hyper-parameters by param group, and in stage 3 the step.
import type { JsonRecord, Shape } from "../../../core/index.ts";
import { tensorsIn } from "../../../formats/index.ts";
import type { PickleValue } from "../../../pickle/index.ts";
import type { CheckpointFiles } from "../../checkpoint-files.ts";
import { noteLeftState } from "../../left-state.ts";
import { enumValueOf, Fields, shownValue } from "../fields.ts";
import { paramGroups } from "../optimizer-file.ts";
import { refusal } from "./refusals.ts";
import { numberIn } from "./state-file.ts";
import { optimizerFile } from "./wire.ts";

export interface UniversalOptimizer {
  readonly path: string;
  readonly fields: Fields;
  readonly stage: 1 | 2 | 3;
  readonly groups: readonly { readonly settings: JsonRecord; readonly parameters: readonly string[] }[];
  /** Steps by the index in `param_shapes`, where this file has them: stage 3. */
  readonly steps: ReadonlyMap<number, number>;
}

/** @throws FormatError TENON_UNIVERSAL_OPTIMIZER, TENON_ZERO_MALFORMED */
export async function readOptimizer(
  files: CheckpointFiles,
  directory: string,
  shapes: readonly ReadonlyMap<string, Shape>[],
): Promise<UniversalOptimizer> {
  const expected = directory + optimizerFile;
  if ((await files.tree.find(expected)) === undefined)
    throw refusal("TENON_UNIVERSAL_OPTIMIZER", "the file of the param groups is missing", expected);
  const { path, object } = await files.openObject(expected);
  const fields = new Fields(object as PickleValue, "the file", path);
  const found = enumValueOf(fields.get("zero_stage"));
  // BF16_Optimizer is stage 1 and does not say so; only stage 3 keeps its groups one dict deeper.
  const stage = found ?? (fields.get("optimizer_state_dict") === undefined ? 1 : undefined);
  if (stage !== 1 && stage !== 2 && stage !== 3)
    throw refusal(
      "TENON_UNIVERSAL_OPTIMIZER",
      `zero_stage is ${found === undefined ? "missing" : shownValue(found)}; 1, 2 or 3 is expected`,
      path,
    );
  const inner = stage === 3 ? fields.dict("optimizer_state_dict") : undefined;
  const left = new Map<string, string>();
  const groups = paramGroups(inner?.get("param_groups") === undefined ? fields : inner, shapes.length, left);
  noteLeftState(files, path, left);
  const named = groups.map(({ settings, buffers }) => ({
    settings,
    parameters: buffers.flatMap((buffer) => [...(shapes[buffer]?.keys() ?? [])]),
  }));
  const all = shapes.reduce((sum, group) => sum + group.size, 0);
  const grouped = named.reduce((sum, { parameters }) => sum + parameters.length, 0);
  if (grouped !== all)
    throw refusal("TENON_UNIVERSAL_OPTIMIZER", `param_groups has ${grouped} of ${all} parameters`, path);
  return { path, fields, stage, groups: named, steps: await stepsOf(inner?.dict("state")) };
}

async function stepsOf(state: Fields | undefined): Promise<ReadonlyMap<number, number>> {
  const steps = new Map<number, number>();
  for (const [key, value] of state?.map ?? []) {
    if (typeof key !== "number") continue;
    const own = new Fields(value, `state[${key}]`, state?.path ?? "");
    const plain = own.get("step");
    const tensors = new Map(
      tensorsIn(own.map, { file: own.path }).map(([keys, tensor]) => [keys.join("."), tensor]),
    );
    const step = typeof plain === "number" ? plain : await numberIn(tensors.get("step"));
    if (step !== undefined) steps.set(key, step);
  }
  return steps;
}
