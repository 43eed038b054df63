import { type Draft, type OutputFile, PlanError, type TensorMeta } from "../../core/index.ts";
import { documentFile } from "../document-files.ts";
import { liveModel } from "../live-model.ts";
import { modelDocuments } from "../model-documents.ts";
import { optimizerFile } from "../optimizer-file.ts";
import { resumeAdvice } from "../resume-advice.ts";
import { accelerateDocuments, refuseUnplaced } from "../training-places.ts";
import { distinctNames } from "../wrapped-names.ts";
import { optimizerName, randomStates, scheduleName } from "./places.ts";

/**
 * The folder that `accelerator.load_state` of accelerate 1.15 takes: `model.safetensors` with every name of the live model, tied
 * weights once, since it is loaded strictly and never from shards; `optimizer.bin` and the documents. Beside them what the names
 * do not say: config.json and adapter_config.json.
 * @throws PlanError TENON_LAYOUT_NEEDS_WHOLE_BASE, TENON_LAYOUT_SAME_NAME, TENON_LAYOUT_CANNOT_HOLD, and as `optimizerFile` and
 *   `documentFile`
 */
export function arrangeAccelerate(draft: Draft): readonly OutputFile[] {
  const placed = accelerateDocuments(draft.trainer ?? { documents: new Map() });
  refuseUnplaced("accelerate", placed);
  refuseLackingBase(draft);
  return [
    {
      kind: "tensors",
      path: "model.safetensors",
      format: "safetensors",
      entries: distinctNames("accelerate", liveModel(draft).entries),
      metadata: { format: "pt" },
    },
    ...modelDocuments(draft),
    ...optimizerFile(draft, "accelerate", optimizerName),
    ...[...placed.files].map(([path, document]) => documentFile(path, document)),
  ];
}

function refuseLackingBase({ base }: Draft): void {
  if (base?.isComplete === true) return;
  const found = base === undefined ? "none" : `${base.tensors.size} tensors of it`;
  const message = `accelerate: load_state takes every tensor of the model, so it needs a whole base, found ${found}`;
  throw new PlanError("TENON_LAYOUT_NEEDS_WHOLE_BASE", message, {
    details: { layout: "accelerate", tensors: base?.tensors.size ?? 0 },
    hint: "Give the base model: --base DIR",
  });
}

/** @returns what `load_state` does not restore from the draft, one sentence each */
export async function examineAccelerate(
  draft: Draft,
  _read: (tensor: TensorMeta) => Promise<Uint8Array>,
): Promise<readonly string[]> {
  const { optimizer, trainer } = draft;
  const { files } = accelerateDocuments(trainer ?? { documents: new Map() });
  const advice: string[] = [];
  if (optimizer === undefined)
    advice.push(
      `load_state stops where an optimizer is prepared and there is no ${optimizerName}: prepare it after loading`,
    );
  if (!files.has(scheduleName))
    advice.push(
      `load_state stops where a schedule is prepared and there is no ${scheduleName}: prepare it after loading`,
    );
  if (![...files.keys()].some((name) => randomStates.test(name)))
    advice.push(
      "load_state goes on without random states, and counts steps from 0: the source has none of its kind",
    );
  return [...advice, ...resumeAdvice(draft)];
}
