import { type Draft, type OutputFile, PlanError, type TensorMeta } from "../../core/index.ts";
import { documentFile } from "../document-files.ts";
import { hybridFiles } from "../hybrid-files.ts";
import type { ArrangeOptions } from "../layout.ts";
import { modelDirectory } from "../model-directory.ts";
import { namedBase } from "../named-base.ts";
import { optimizerFile } from "../optimizer-file.ts";
import { resumeAdvice } from "../resume-advice.ts";
import { refuseUnplaced, trainerDocuments } from "../training-places.ts";
import { optimizerName, scheduleName, stateName } from "./places.ts";

/**
 * `checkpoint-N` as the Trainer of transformers 5.18 resumes it: a model directory, or adapters with the trained part of the base
 * in the file of the first. Of a PeftModel the Trainer loads adapters alone (`_load_from_checkpoint`), by PEFT's `load_adapter`,
 * which puts base parameters that it finds in the file in place.
 * @throws PlanError TENON_LAYOUT_NEEDS_WHOLE_BASE, TENON_LAYOUT_CANNOT_HOLD, and as `hybridFiles`, `optimizerFile` and `documentFile`
 */
export function arrangeTrainer(draft: Draft, options: ArrangeOptions = {}): readonly OutputFile[] {
  const placed = trainerDocuments(draft.trainer ?? { documents: new Map() });
  refuseUnplaced("trainer", placed);
  return [
    ...modelFiles(draft, options),
    ...optimizerFile(draft, "trainer", optimizerName),
    ...[...placed.files].map(([path, document]) => documentFile(path, document)),
  ];
}

function modelFiles(draft: Draft, options: ArrangeOptions): readonly OutputFile[] {
  const { base, adapters, companions } = draft;
  if (adapters.length > 0) return hybridFiles(draft, "trainer");
  if (base === undefined || !base.isComplete) {
    const found = base === undefined ? "none" : `${base.tensors.size} tensors of it`;
    const message = `trainer: without an adapter it needs a whole base model, found ${found}`;
    throw new PlanError("TENON_LAYOUT_NEEDS_WHOLE_BASE", message, {
      details: { layout: "trainer", tensors: base?.tensors.size ?? 0 },
      hint: "Give the base model: --base DIR",
    });
  }
  const copies = companions.map(({ path, source }) => ({ kind: "copy", path, source }) as const);
  return [...modelDirectory(base, options), ...copies];
}

/** @returns what the Trainer does not restore from the draft, one sentence each */
export async function examineTrainer(
  draft: Draft,
  _read: (tensor: TensorMeta) => Promise<Uint8Array>,
): Promise<readonly string[]> {
  const { optimizer, adapters, trainer } = draft;
  const { files } = trainerDocuments(trainer ?? { documents: new Map() });
  const advice = [...startFrom(draft)];
  if (adapters.length > 1 && adapters.some(({ name }) => name === "default"))
    advice.push(
      "the Trainer loads the adapters in folders alone when there are any: load the one called default yourself, with PeftModel.load_adapter",
    );
  if (optimizer !== undefined && !files.has(scheduleName))
    advice.push(
      `the Trainer passes over ${optimizerName} unless ${scheduleName} is beside it, and the source has no schedule of its kind: load the optimizer yourself, or save a schedule there`,
    );
  if (!files.has(stateName))
    advice.push(`without ${stateName} the Trainer counts steps from 0: the source has none`);
  return [...advice, ...resumeAdvice(draft)];
}

function startFrom({ base, adapters }: Draft): readonly string[] {
  if (adapters.length === 0) return [];
  const named = namedBase({ ...(base && { base }), adapters });
  const known = named === undefined ? "" : `, ${named}`;
  if (base?.isComplete === true)
    return ["the adapter's file holds the whole base; with --base DIR it holds only what differs from it"];
  const beside = (base?.tensors.size ?? 0) > 0 ? ", and what was trained of it" : "";
  return [
    `the Trainer loads adapters${beside}: build the model from the base that it was trained from${known}, with the adapter on it, and resume_from_checkpoint`,
  ];
}
