// Which file of a trainer each document of its state is, among documents that another trainer may have written.
import { type JsonRecord, PlanError, type TrainerComponent } from "../core/index.ts";

/** Documents by the file of the target, and the names of those that it has no file for. */
export interface PlacedDocuments {
  readonly files: ReadonlyMap<string, JsonRecord>;
  readonly left: readonly string[];
}

const trainerFiles = /^(?:trainer_state\.json|scheduler\.pt|scaler\.pt|rng_state(?:_\d+)?\.pth)$/;
const accelerateFiles =
  /^(?:scheduler(?:_\d+)?\.bin|dl_state_dict(?:_\d+)?\.bin|scaler\.pt|random_states_\d+\.pkl)$/;

/**
 * What the Trainer resumes from. A schedule of another trainer is taken where it is the state of one of torch's schedulers and
 * its engine counts steps as the Trainer does: Accelerate counts once for each process.
 */
export function trainerDocuments({ documents }: TrainerComponent): PlacedDocuments {
  return placed(documents, trainerFiles, "scheduler.pt");
}

/** What `accelerator.load_state` resumes from, as {@link trainerDocuments}. */
export function accelerateDocuments({ documents }: TrainerComponent): PlacedDocuments {
  return placed(documents, accelerateFiles, "scheduler.bin");
}

function placed(documents: TrainerComponent["documents"], own: RegExp, schedule: string): PlacedDocuments {
  const files = new Map([...documents].filter(([name]) => own.test(name)));
  const left = [...documents.keys()].filter((name) => !own.test(name));
  const other = left.find((name) => /^scheduler\.(?:pt|bin|json)$/.test(name));
  const found = other === undefined ? undefined : documents.get(other);
  const countsAlike = !`${other} ${schedule}`.includes(".bin") || workers(documents) <= 1;
  if (found === undefined || files.has(schedule) || !countsAlike || !isTorchSchedule(found))
    return { files, left };
  return { files: files.set(schedule, found), left: left.filter((name) => name !== other) };
}

/** Processes that left random states. */
function workers(documents: TrainerComponent["documents"]): number {
  return [...documents.keys()].filter((name) => /^(?:rng_state|random_states)_?\d*\.p(?:th|kl)$/.test(name))
    .length;
}

/** `LRScheduler.state_dict` of torch: everything but the optimizer. */
function isTorchSchedule(document: JsonRecord): boolean {
  return ["base_lrs", "last_epoch", "_step_count", "_last_lr"].every((key) => key in document);
}

/** @throws PlanError TENON_LAYOUT_CANNOT_HOLD for documents that the target has no file for */
export function refuseUnplaced(layout: string, { left }: PlacedDocuments): void {
  if (left.length === 0) return;
  const message = `${layout}: has no file for ${left.join(", ")} of the trainer's state`;
  throw new PlanError("TENON_LAYOUT_CANNOT_HOLD", message, {
    details: { layout, documents: left },
    hint: `Leave it out: ${left.map((name) => `--drop ${name}`).join(" ")}`,
  });
}
