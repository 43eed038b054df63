import type { SourceTree } from "../bytes/index.ts";
import { FormatError, type Tensor } from "../core/index.ts";
import type { CheckpointFiles, OpenedFile } from "./checkpoint-files.ts";
import { findModelFiles, type ModelFiles } from "./model-files.ts";
import type { Notices } from "./notices.ts";

/** Opens the model of a directory; undefined when it has none. Headers only. @throws as findModelFiles and openAll */
export async function openModelTensors(
  files: CheckpointFiles,
  rootFiles: readonly string[],
  tree: SourceTree = files.tree,
): Promise<readonly Tensor[] | undefined> {
  const found = await findModelFiles(tree, rootFiles, files.notices);
  if (found === undefined) return undefined;
  if (found.passedOver.length > 0) {
    files.notices.note({
      code: "TENON_WEIGHTS_PASSED_OVER",
      names: found.passedOver,
      facts: { read: [...found.paths] },
    });
  }
  const opened = await files.openAll(found.paths, tree);
  if (found.index !== undefined) {
    const held = opened.map(({ tensors }) => new Set(tensors.map(({ name }) => name)));
    compareIndex(
      found.index,
      new Map(found.paths.map((path, at) => [path, held[at] ?? new Set()])),
      files.notices,
    );
  }
  return joinFiles(opened, files.notices);
}

/**
 * The tensors of several files of one model, in the order of files and of names within them.
 * @throws FormatError TENON_SHARD_DUPLICATE_TENSOR when two files hold the same name
 */
export function joinFiles(opened: readonly OpenedFile[], notices: Notices): readonly Tensor[] {
  const byName = new Map<string, Tensor>();
  for (const { path, tensors } of opened) {
    for (const tensor of tensors) {
      const { name } = tensor;
      const first = byName.get(name);
      if (first === undefined) byName.set(name, tensor);
      else {
        const message = `hf: tensor ${JSON.stringify(name)} is stored twice, in ${first.file} and in ${path}`;
        const extras = { details: { tensor: name, files: [first.file, path] } };
        notices.damage(new FormatError("TENON_SHARD_DUPLICATE_TENSOR", message, extras), [name]);
      }
    }
  }
  return [...byName.values()];
}

/** The index must not promise what the shards lack; what it forgets to list is harmless, and noted. */
function compareIndex(
  index: NonNullable<ModelFiles["index"]>,
  held: ReadonlyMap<string, ReadonlySet<string>>,
  notices: Notices,
): void {
  // A shard that is not there has been complained about already.
  const absent = [...index.weightMap].filter(([name, shard]) => held.get(shard)?.has(name) === false);
  const [first] = absent;
  if (first !== undefined) {
    const more = absent.length > 1 ? ` and ${absent.length - 1} more` : "";
    const message = `hf: tensor ${JSON.stringify(first[0])}${more}: listed in ${first[1]}, which lacks it (${index.path})`;
    const names = absent.map(([name]) => name);
    const extras = { details: { tensors: names.slice(0, 10), count: names.length, index: index.path } };
    notices.damage(new FormatError("TENON_INDEX_TENSOR_ABSENT", message, extras), names);
  }
  const unlisted = [...held.values()]
    .flatMap((names) => [...names])
    .filter((name) => !index.weightMap.has(name));
  if (unlisted.length > 0)
    notices.note({ code: "TENON_INDEX_TENSOR_UNLISTED", names: unlisted, facts: { index: index.path } });
}
