import { readDocument, type SourceTree } from "../bytes/index.ts";
import type { FileEntry, Observation } from "../core/index.ts";
import { zeroTagFolders } from "./distributed-names.ts";
import { textOf } from "./documents.ts";

/** The name of a tag takes one line; more than this is not DeepSpeed's `latest`. */
const latestBytesLimit = 4096;

/**
 * Says where else the weights of a training checkpoint lie: in DeepSpeed's own folders, which hold more than the
 * files that are read here. Undefined when there are none.
 */
export async function weightsElsewhere(
  tree: SourceTree,
  listed: readonly FileEntry[],
): Promise<Observation | undefined> {
  const paths = listed.map(({ path }) => path);
  const zero = zeroTagFolders(paths);
  if (zero.length === 0) return undefined;
  const latest = paths.includes("latest")
    ? textOf(await readDocument(tree, "latest", latestBytesLimit), "latest").trim()
    : undefined;
  return {
    code: "TENON_WEIGHTS_IN_SHARDS",
    names: zero,
    facts: { zero, ...(latest !== undefined && { latest }) },
  };
}
