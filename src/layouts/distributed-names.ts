// File names as DeepSpeed 0.19, accelerate 1.15 and torch 2.13 write them.
import { rootFolders } from "./evidence.ts";

const zeroFile =
  /^(bf16_|fp16_)?(zero_pp_rank_\d+_mp_rank_\d+_?(model|optim)_states|mp_rank_\d+_model_states|layer_\d+-model_\d+-model_states)\.pt$/;

/** Whether DeepSpeed gives a file of one tag this name. */
export function isZeroFile(name: string): boolean {
  return zeroFile.test(name);
}

/** Whether a source is a single save of DeepSpeed, of which others lie around it: `global_step1200` in `checkpoint-1200`. */
export function isTagFolder(listed: readonly { readonly path: string }[]): boolean {
  return listed.some(({ path }) => zeroFile.test(path) || /^zero\/[^/]+\/fp32\.pt$/.test(path));
}

/** Folders of the source that hold files of a ZeRO save: `global_step1200`, or any other tag. */
export function zeroTagFolders(paths: readonly string[]): readonly string[] {
  const inFolders = paths.filter(
    (path) => zeroFile.test(path.slice(path.indexOf("/") + 1)) && path.includes("/"),
  );
  return rootFolders(inFolders.map((path) => ({ path })));
}

/** FSDP's folders and files under the names that accelerate gives them (`pytorch_model_fsdp_0/`). */
export function fsdpPlaces(paths: readonly string[]): readonly string[] {
  const saved = paths.filter((path) => /^(pytorch_model_fsdp|optimizer)_\d+\/[^/]+\.distcp$/.test(path));
  const folders = rootFolders(saved.map((path) => ({ path })));
  const files = paths.filter((path) => /^pytorch_model_fsdp(_\d+)?(_rank\d+)?\.bin$/.test(path));
  return [...folders, ...files];
}
