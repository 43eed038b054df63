import type { SourceTree } from "../../bytes/index.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { fsdpPlaces } from "../distributed-names.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Layout, Sniff } from "../layout.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { passOver, readTrainedModel } from "../trained-model.ts";
import { readTrainingDocuments } from "../training-documents.ts";
import { accelerateDocuments } from "../training-places.ts";
import { weightsElsewhere } from "../weights-elsewhere.ts";
import { optimizerName, randomStates } from "./places.ts";
import { arrangeAccelerate, examineAccelerate } from "./write.ts";

const documentNames =
  /^(?:scheduler(?:_\d+)?\.bin|dl_state_dict(?:_\d+)?\.bin|scaler\.pt|random_states_\d+\.pkl)$/;
/** Objects of classes of one's own, pickled whole or as they like to save themselves. */
const ownObject = /^(?:custom_checkpoint_\d+\.pkl|sampler(?:_\d+)?\.bin)$/;
const laterModel = /^(?:model|pytorch_model)_\d+\.(?:safetensors|bin)$/;

/** The folder that `accelerator.save_state` writes: a state dict of the model with the optimizer and random states. */
export const accelerate: Layout = {
  name: "accelerate",
  canRead: true,
  canWrite: true,
  refines: ["peft-hybrid", "peft", "hf", "state-dict", "dcp"],
  sniff,
  arrange: arrangeAccelerate,
  examine: examineAccelerate,
  unplaced: (state) => accelerateDocuments(state).left,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree);
      const root = rootPaths(listed);
      passOver(
        files,
        root.filter((path) => laterModel.test(path)),
        "later objects",
      );
      const own = root.filter((path) => ownObject.test(path));
      if (own.length > 0) files.notices.note({ code: "TENON_TRAINING_DOCUMENT_LEFT", names: own });
      const { model, optimizer } = await readTrainedModel(files, listed, [optimizerName]);
      const documents = await readTrainingDocuments(files, root, documentNames);
      const elsewhere = await weightsElsewhere(files.tree, listed);
      if (elsewhere !== undefined) files.notices.note(elsewhere);
      return {
        layout: "accelerate",
        evidence,
        ...model,
        optimizer,
        trainer: documents.size > 0 ? { documents } : undefined,
      };
    });
  },
};

async function sniff(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const listed = await tree.list();
  const root = rootPaths(listed);
  const named = root.filter((path) => path === optimizerName || randomStates.test(path));
  const own = [...named, ...fsdpPlaces(listed.map(({ path }) => path))];
  if (own.length === 0) return no(`no ${optimizerName} and no random_states_<rank>.pkl`);
  return yes(`${areHere(own)}, as accelerate names them`);
}
