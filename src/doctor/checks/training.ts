import type { JsonRecord, Observation, TrainerComponent } from "../../core/index.ts";

export interface TrainingInput {
  readonly trainer: TrainerComponent | undefined;
  /** Values of the optimizer's steps, as many as were read. */
  readonly steps: readonly number[];
  /** File of the optimizer. */
  readonly optimizerFile?: string;
}

type Documents = ReadonlyMap<string, JsonRecord>;

/**
 * Signs that parts of a training state do not belong together: an optimizer that counted other steps than the Trainer, and
 * workers whose random states are missing, with which transformers goes on without a word.
 */
export function observeTraining({ trainer, steps, optimizerFile = "" }: TrainingInput): Observation[] {
  if (trainer === undefined) return [];
  const { documents } = trainer;
  return [...differingSteps(documents, steps, optimizerFile), ...randomStatesLacking(documents)];
}

/** Steps that the Trainer says it made, where it says so. */
export function trainerSteps(trainer: TrainerComponent | undefined): number | undefined {
  const steps = trainer?.documents.get("trainer_state.json")?.["global_step"];
  return typeof steps === "number" ? steps : undefined;
}

function differingSteps(documents: Documents, steps: readonly number[], file: string): Observation[] {
  const made = trainerSteps({ documents });
  if (made === undefined || steps.length === 0) return [];
  // Parameters that were unfrozen on the way counted less; with a loss scale, steps that overflowed were skipped by all.
  const counted = Math.max(...steps);
  const isSkipped = documents.has("scaler.pt") && counted < made;
  if (counted === made || isSkipped) return [];
  const facts = { optimizer: counted, trainer: made };
  return [{ code: "TENON_OPTIMIZER_STEP_DIFFERS", names: [file, "trainer_state.json"], facts }];
}

/** Missing files that are named. */
const namesListed = 1000;
const randomState = /^(rng_state_|random_states_)(\d+)(\.pth|\.pkl)$/;

function randomStatesLacking(documents: Documents): Observation[] {
  const found = [...documents.keys()].map((name) => randomState.exec(name)).filter((match) => match !== null);
  const [[, stem = "", , ending = ""] = []] = found;
  const ranks = new Set(found.map(([, , rank]) => Number(rank)));
  if (ranks.size === 0) return [];
  const told = documents.get("deepspeed.json")?.["dp_world_size"];
  const workers = Math.max(...ranks, typeof told === "number" ? told - 1 : 0) + 1;
  const names: string[] = [];
  // A name of a file may say any number.
  for (let rank = 0; rank < workers && names.length < namesListed; rank++)
    if (!ranks.has(rank)) names.push(`${stem}${rank}${ending}`);
  if (names.length === 0) return [];
  return [{ code: "TENON_RANDOM_STATES_LACKING", names, facts: { found: ranks.size, workers } }];
}
