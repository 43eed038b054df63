import type { SourceTree } from "../../bytes/index.ts";
import { type FileEntry, isTenonError, type Tensor } from "../../core/index.ts";
import { formats as ownFormats, sniffFormat } from "../../formats/index.ts";
import { isAdapterWeights } from "../adapter-files.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { areHere, no, rootPaths, yes } from "../evidence.ts";
import type { Layout, Sniff, SniffOptions } from "../layout.ts";
import { readModelPart } from "../model-part.ts";
import { joinFiles, openModelTensors } from "../model-tensors.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { hasModelNames, stateDictFiles } from "../state-dict-files.ts";
import { arrangeStateDict } from "./write.ts";

/**
 * Tensors by name and nothing more: what `torch.save(model.state_dict())`, `accelerator.save_model` or a training loop of
 * one's own leaves. An adapter_config.json or config.json beside it is used.
 */
export const stateDict: Layout = {
  name: "state-dict",
  canRead: true,
  canWrite: true,
  refines: [],
  sniff,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree, options);
      const model = await openStateDict(files, listed);
      return { layout: "state-dict", evidence, ...(await readModelPart(files, listed, model)) };
    });
  },
  arrange: arrangeStateDict,
};

async function sniff(tree: SourceTree, options: SniffOptions = {}): Promise<Sniff> {
  const listed = await tree.list();
  if (tree.isSingleFile) return sniffFile(tree, listed[0]?.path ?? "", options);
  const paths = stateDictFiles(listed);
  if (paths.length === 0)
    return no("no file at the top that holds tensors (.safetensors, .bin, .pt, .pth, .ckpt)");
  return yes(areHere(paths));
}

/** One file is judged by its first bytes: the user pointed at it, under whatever name. */
async function sniffFile(
  tree: SourceTree,
  path: string,
  { formats = ownFormats, signal }: SniffOptions,
): Promise<Sniff> {
  const source = await tree.open(path, signal);
  try {
    const { name } = await sniffFormat(source, formats, signal);
    return yes(`${path} is a file of the format ${name}`);
  } catch (error) {
    if (isTenonError(error) && error.code === "TENON_FORMAT_UNKNOWN") return no(`no format reads ${path}`);
    throw error;
  } finally {
    await source.close();
  }
}

async function openStateDict(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
): Promise<readonly Tensor[] | undefined> {
  const root = rootPaths(listed);
  // An adapter's own file is read as such by the model part, though nobody gave the directory that it came from.
  if (files.tree.isSingleFile && root.some((path) => isAdapterWeights(path))) return undefined;
  if (files.tree.isSingleFile) return joinFiles(await files.openAll(root), files.notices);
  if (hasModelNames(listed)) return openModelTensors(files, root);
  return joinFiles(await files.openAll(stateDictFiles(listed)), files.notices);
}
