import type { Checkpoint, Observation } from "../core/index.ts";
import { observeTraining, trainerSteps } from "../doctor/index.ts";
import { stepValues } from "./step-values.ts";

/** Steps that are read, of as many parameters: each is a read of its own, and real models have fewer. */
const stepsRead = 4096;

/** What steps are stored as, so that they can be compared; a warning is not worth an error over another dtype. */
const dtypes: ReadonlySet<string> = new Set(["F32", "F64", "I32", "I64"]);

/** Whether optimizer, schedule and random states are of one run, as far as they say. */
export async function observeTrainingState(
  { trainer, optimizer }: Checkpoint,
  signal: AbortSignal | undefined,
): Promise<Observation[]> {
  const states = trainerSteps(trainer) === undefined ? [] : [...(optimizer?.states.values() ?? [])];
  const every = Math.ceil(states.length / stepsRead);
  const sample = states
    .filter((_, at) => at % every === 0)
    .flatMap((state) => state.get("step") ?? [])
    .filter(({ dtype }) => dtypes.has(dtype));
  const steps = [...(await stepValues(sample, signal)).values()];
  return observeTraining({ trainer, steps, ...(optimizer && { optimizerFile: optimizer.file }) });
}
