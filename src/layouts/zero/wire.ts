// Names that DeepSpeed 0.19 gives files and keys (deepspeed/checkpoint/constants.py, runtime/engine.py, zero/stage*.py).

/** What a file of a tag folder is, by its name. */
export type TagFile =
  | { readonly kind: "model"; readonly path: string; readonly tensorRank: number; readonly dataRank?: number }
  | {
      readonly kind: "optimizer";
      readonly path: string;
      readonly tensorRank: number;
      readonly dataRank: number;
      readonly prefix: string;
    }
  | { readonly kind: "expert" | "pipeline" | "swapped"; readonly path: string };

const model = /^(?:zero_pp_rank_(\d+)_)?mp_rank_(\d+)_model_states\.pt$/;
// Before 0.4 the underscore in front of `optim` was missing.
const optimizer = /^(bf16_|fp16_)?zero_pp_rank_(\d+)_mp_rank_(\d+)_?optim_states\.pt$/;
const expert =
  /^(?:(?:layer_\d+_)?expert_\d+_mp_rank_\d+_model_states|expp_rank_\d+_mp_rank_\d+_optim_states)\.pt$/;
const pipeline = /^layer_\d+-model_\d+-model_states\.pt$/;

/** Reads a path inside a tag folder; undefined for what is not DeepSpeed's. */
export function tagFileOf(path: string): TagFile | undefined {
  if (path.startsWith("offloaded_tensors/")) return { kind: "swapped", path };
  if (expert.test(path)) return { kind: "expert", path };
  if (pipeline.test(path)) return { kind: "pipeline", path };
  const inModel = model.exec(path);
  if (inModel !== null) {
    const [, data, tensor] = inModel;
    return {
      kind: "model",
      path,
      tensorRank: Number(tensor),
      ...(data !== undefined && { dataRank: Number(data) }),
    };
  }
  const inOptimizer = optimizer.exec(path);
  if (inOptimizer === null) return undefined;
  const [, prefix = "", data, tensor] = inOptimizer;
  return { kind: "optimizer", path, tensorRank: Number(tensor), dataRank: Number(data), prefix };
}

/** Keys of a model file that DeepSpeed writes itself, and tenon's own; every other one is the caller's client state. */
export const modelKeys: ReadonlySet<string> = new Set([
  "module", "buffer_names", "optimizer", "param_shapes", "frozen_param_shapes", "shared_params", "frozen_param_fragments",
  "lr_scheduler", "data_sampler", "random_ltd", "sparse_tensor_module_names", "csr_tensor_module_names", "skipped_steps",
  "global_steps", "global_samples", "dp_world_size", "mp_world_size", "checkpoint_parallel_dimensions", "ds_config",
  "ds_version", "universal_checkpoint_info", "num_experts", "ds_autoep_layers", "autoep_layers", "folding", "tenon",
  "loss_scale",
]); // biome-ignore format: one list

/**
 * Keys of a model file that say where the run stands, and that JSON can say. `loss_scale` is tenon's own, for what
 * {@link scaleKeys} say.
 */
export const counterKeys: readonly string[] = [
  "global_steps", "global_samples", "skipped_steps", "dp_world_size", "mp_world_size", "checkpoint_parallel_dimensions",
  "ds_version", "ds_config", "data_sampler", "random_ltd", "sparse_tensor_module_names", "csr_tensor_module_names",
  "universal_checkpoint_info", "loss_scale",
]; // biome-ignore format: one list

/** Keys of an optimizer file that hold no tensors of parameters. */
export const scalerKeys: readonly string[] = [
  "zero_stage", "loss_scaler", "dynamic_loss_scale", "overflow", "clip_grad", "base_optimizer_state_step",
]; // biome-ignore format: one list

/** Keys of DeepSpeed's wrapper of an optimizer without ZeRO: where the loss scale stands. */
export const scaleKeys: readonly string[] = [
  "cur_scale", "cur_iter", "last_overflow_iter", "scale_factor", "scale_window",
]; // biome-ignore format: one list

/** Flat groups are padded to a multiple of this times the number of workers (`nccl_start_alignment_factor`). */
export const alignmentFactor = 2;
