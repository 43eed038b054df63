import type { SourceTree } from "../bytes/index.ts";
import { FormatError } from "../core/index.ts";
import type { CheckpointFiles, OpenedFile } from "./checkpoint-files.ts";
import { findModelFiles, type ModelFiles } from "./model-files.ts";
import type { Notices } from "./notices.ts";
import type { StoredTensor } from "./stored-tensor.ts";

/** Tensors of one model, from however many files. */
export interface ModelTensors {
  /** In the order of files and of names within them. */
  readonly tensors: readonly StoredTensor[];
  /** File → stored names in it. */
  readonly shards: ReadonlyMap<string, readonly string[]>;
}

/** Opens the model of a directory; undefined when it has none. Headers only. @throws as findModelFiles and openAll */
export async function openModelTensors(
  files: CheckpointFiles,
  rootFiles: readonly string[],
  tree: SourceTree = files.tree,
): Promise<ModelTensors | undefined> {
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
  return joinFiles(opened, files);
}

/** Joins files into one model. @throws FormatError TENON_SHARD_DUPLICATE_TENSOR when two files hold the same name */
export function joinFiles(opened: readonly OpenedFile[], files: CheckpointFiles): ModelTensors {
  const holders = new Map<string, string>();
  const shards = new Map<string, readonly string[]>();
  const tensors: StoredTensor[] = [];
  for (const { path, tensors: own } of opened) {
    const names: string[] = [];
    for (const stored of own) {
      const holder = holders.get(stored.name);
      if (holder !== undefined) {
        const message = `hf: tensor ${JSON.stringify(stored.name)} is stored twice, in ${holder} and in ${path}`;
        const extras = { details: { tensor: stored.name, files: [holder, path] } };
        files.notices.damage(new FormatError("TENON_SHARD_DUPLICATE_TENSOR", message, extras), [stored.name]);
        continue;
      }
      holders.set(stored.name, path);
      names.push(stored.name);
      tensors.push(stored);
    }
    shards.set(path, names);
  }
  return { tensors, shards };
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
