import { rootPaths } from "./evidence.ts";
import { modelFileNames } from "./model-files.ts";

const tensorFile = /\.(safetensors|bin|pt|pth|ckpt)$/i;

/** Files of trainers that end like weights and hold none. */
const notWeights =
  /^(optimizer|scheduler|scaler|rng_state|random_states|training_args|sampler|dl_state_dict|custom_checkpoint|trainer_state|adapter_model|adapters)\b/;

/** The files of a raw state dict in a directory: every tensor file at the top that is not known to be something else. */
export function stateDictFiles(listed: readonly { readonly path: string }[]): readonly string[] {
  return rootPaths(listed).filter((path) => tensorFile.test(path) && !isNotWeights(path));
}

function isNotWeights(path: string): boolean {
  return notWeights.test(path.replace(/_\d+\./, "."));
}

/** Whether the files go by a model's usual names, so that an index or the numbering of shards counts. */
export function hasModelNames(listed: readonly { readonly path: string }[]): boolean {
  return modelFileNames(rootPaths(listed)).length > 0;
}
