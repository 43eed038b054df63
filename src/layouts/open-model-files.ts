import type { SourceTree } from "../bytes/index.ts";
import type { Checkpoint } from "../core/index.ts";
import { CheckpointFiles } from "./checkpoint-files.ts";
import type { OpenOptions } from "./layout.ts";
import { readModelPart } from "./model-part.ts";
import { joinFiles } from "./model-tensors.ts";
import { openCheckpoint } from "./opened-checkpoint.ts";

/** What a layout has found out about a directory. */
export interface FoundModel {
  /** Name of the layout. */
  readonly layout: string;
  /** Why it is that layout, one sentence each. */
  readonly evidence: readonly string[];
  /** The files that hold tensors, in the order in which their tensors are to be listed. */
  readonly paths: readonly string[];
}

/**
 * Opens the tensor files of a directory; a layout of one's own needs no more than this. Each file is read by the format that
 * claims it, headers only. What the names mean (base, adapters, wrappers) is found out as for every layout, and config.json,
 * adapter_config.json and the tokenizer's files beside them are used.
 * @throws FormatError, UnsupportedError as the formats; FormatError TENON_SHARD_DUPLICATE_TENSOR, TENON_NAMES_DUPLICATE
 */
export function openModelFiles(
  tree: SourceTree,
  options: OpenOptions,
  { layout, evidence, paths }: FoundModel,
): Promise<Checkpoint> {
  const files = new CheckpointFiles(tree, options);
  return openCheckpoint(files, async (listed) => {
    const model = joinFiles(await files.openAll(paths), files.notices);
    return { layout, evidence, ...(await readModelPart(files, listed, model)) };
  });
}
