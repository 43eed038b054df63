// Names that DeepSpeed 0.19 gives files and keys (deepspeed/checkpoint/constants.py, ds_to_universal.py, universal_checkpoint.py).

/** The file beside the folders that names the one to be loaded. */
export const latestName = "latest_universal";

/** The folder of the parameters, one folder each. */
export const parametersFolder = "zero/";

/** Hyper-parameters, and in stage 3 the step. */
export const optimizerFile = "zero/optimizer_state.pt";

/** The fp32 master. Every parameter has one. */
export const masterName = "fp32";

/** A value of the whole parameter; stage 3 keeps it in {@link optimizerFile} instead. */
export const stepName = "step";

/** States as large as the parameter, of the optimizers that DeepSpeed runs over plain tensors. */
export const momentNames: ReadonlySet<string> = new Set([
  "exp_avg",
  "exp_avg_sq",
  "max_exp_avg_sq",
  "momentum_buffer",
]);

/** What Adam needs of every parameter. Stage 3 loads these and no other. */
export const adamMoments: readonly string[] = ["exp_avg", "exp_avg_sq"];

/** Keys of a state that is kept whole. Others tell of pieces: of experts, of a padded vocabulary, of fused weights. */
export const stateKeys: ReadonlySet<unknown> = new Set(["cat_dim", "param"]);

/** What stages 1 and 2 share, and what each worker of stage 3 has. */
export const sharedModel = "mp_rank_00_model_states.pt";
export const firstWorkerModel = "zero_pp_rank_0_mp_rank_00_model_states.pt";
const workerModel = /^zero_pp_rank_(\d+)_mp_rank_(\d+)_model_states\.pt$/;
const tensorModel = /^mp_rank_(\d+)_model_states\.pt$/;

/** Which worker a model file is of; undefined for another file. */
export function modelRanks(path: string): { readonly data?: number; readonly tensor: number } | undefined {
  const [, data, inWorker] = workerModel.exec(path) ?? [];
  if (inWorker !== undefined) return { data: Number(data), tensor: Number(inWorker) };
  const [, tensor] = tensorModel.exec(path) ?? [];
  return tensor === undefined ? undefined : { tensor: Number(tensor) };
}

/** The key of a model file under which tenon keeps what the engine has no place for, as JSON text. */
export const markerKey = "tenon";

/** Files of a state of its own: `{cat_dim, param}`, or for the step a bare tensor. */
export const categoryDimension = "cat_dim";
