import type { SourceTree } from "../../bytes/index.ts";
import type { FileEntry, JsonRecord, TrainerComponent } from "../../core/index.ts";
import { adapterPlaces, trainerFolders } from "../adapter-files.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { fsdpPlaces, zeroTagFolders } from "../distributed-names.ts";
import { readJsonDocument } from "../documents.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Layout, Sniff } from "../layout.ts";
import { trainerStateBytesLimit } from "../limits.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { stateDictFiles } from "../state-dict-files.ts";
import { withTrainedBase } from "../trained-base.ts";
import { readTrainedModel } from "../trained-model.ts";
import { readTrainingDocuments } from "../training-documents.ts";
import { trainerDocuments } from "../training-places.ts";
import { weightsElsewhere } from "../weights-elsewhere.ts";
import { optimizerName, stateName } from "./places.ts";
import { arrangeTrainer, examineTrainer } from "./write.ts";

const documents = /^(?:scheduler\.pt|scaler\.pt|rng_state(?:_\d+)?\.pth)$/;

/** `checkpoint-N` of transformers' Trainer: a model or an adapter, with the optimizer and the trainer's state. */
export const trainer: Layout = {
  name: "trainer",
  canRead: true,
  canWrite: true,
  refines: ["accelerate", "peft-hybrid", "peft", "hf", "state-dict", "dcp"],
  sniff,
  arrange: arrangeTrainer,
  examine: examineTrainer,
  unplaced: (state) => trainerDocuments(state).left,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree);
      const { model, optimizer } = await readTrainedModel(files, listed, [optimizerName, "optimizer.bin"]);
      const elsewhere = await weightsElsewhere(files.tree, listed);
      if (elsewhere !== undefined) files.notices.note(elsewhere);
      return {
        layout: "trainer",
        evidence,
        ...withTrainedBase(model),
        optimizer,
        trainer: await readTrainerState(files, listed),
      };
    });
  },
};

/** `training_args.bin` alone proves nothing: `Trainer.save_model` leaves it beside a finished model. */
async function sniff(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const listed = await tree.list();
  const root = rootPaths(listed);
  const own = [stateName, optimizerName].filter((name) => root.includes(name));
  const inside = trainerFolders(listed);
  // `Trainer.save_state` leaves the state alone at the top of a run.
  const isAlone = !own.includes(optimizerName) && inside.length > 0 && !holdsWeights(listed);
  if (own.length === 0 || isAlone) {
    const found = inside.length > 0 ? [`${areHere(inside)}, each a checkpoint to point at`] : [];
    const lacking = isAlone
      ? `${stateName} is here without weights`
      : `no ${stateName} and no ${optimizerName}`;
    return no(lacking, ...found);
  }
  return yes(`${areHere(own)}, as transformers' Trainer names them`);
}

function holdsWeights(listed: readonly FileEntry[]): boolean {
  const paths = listed.map(({ path }) => path);
  const places = [...fsdpPlaces(paths), ...zeroTagFolders(paths), ...stateDictFiles(listed)];
  return places.length > 0 || adapterPlaces(listed).length > 0;
}

async function readTrainerState(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
): Promise<TrainerComponent | undefined> {
  const found = new Map<string, JsonRecord>();
  if (listed.some(({ path }) => path === stateName)) {
    // Losses that went wrong are in log_history as NaN.
    const options = { limitBytes: trainerStateBytesLimit, allowNonFinite: true };
    found.set(stateName, await readJsonDocument(files.tree, stateName, options));
  }
  for (const [path, document] of await readTrainingDocuments(files, rootPaths(listed), documents))
    found.set(path, document);
  return found.size > 0 ? { documents: found } : undefined;
}
