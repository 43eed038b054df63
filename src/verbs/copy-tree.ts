import type { SourceTree } from "../bytes/index.ts";
import type { Checkpoint } from "../core/index.ts";
import { treeOfCheckpoint } from "./open.ts";

/** The files of several checkpoints as one tree, `<index>:<path>`, for files that are copied along. */
export function copyTree(sources: readonly Checkpoint[]): SourceTree {
  const locate = (path: string): [SourceTree, string] => {
    const colon = path.indexOf(":");
    const source = sources[Number(path.slice(0, colon))];
    if (colon < 1 || source === undefined) throw new Error(`internal: ${path} names no source`);
    return [treeOfCheckpoint(source), path.slice(colon + 1)];
  };
  return {
    location: "sources",
    isSingleFile: false,
    async list() {
      return sources.flatMap(({ files }, index) =>
        files.map((file) => ({ ...file, path: `${index}:${file.path}` })),
      );
    },
    async find(path) {
      const [tree, inside] = locate(path);
      return tree.find(inside);
    },
    async open(path, signal) {
      const [tree, inside] = locate(path);
      return tree.open(inside, signal);
    },
    async close() {},
  };
}

/** Companions of one of the sources, as a draft names them. */
export function companionsFrom(
  sources: readonly Checkpoint[],
  index: number,
): readonly { readonly path: string; readonly source: string }[] {
  const source = sources[index];
  // In tenon's layout the model, and what belongs to it, lies in base/.
  const home = source?.layout === "tenon" ? /^base\// : /^(?!)/;
  return (source?.companions ?? []).map(({ path }) => ({
    path: path.replace(home, ""),
    source: `${index}:${path}`,
  }));
}
