import type { SourceTree } from "../bytes/index.ts";
import { isTenonError } from "../core/index.ts";
import { formats as ownFormats } from "../formats/index.ts";
import { CheckpointFiles } from "./checkpoint-files.ts";
import type { SniffOptions } from "./layout.ts";

/**
 * The tensor names of a file, for sniffing; undefined when no format reads it. Damage is not sniffing's business: a file
 * that cannot be opened is refused when it is opened for good, with the reason.
 */
export async function peekNames(
  tree: SourceTree,
  path: string,
  options: SniffOptions = {},
): Promise<readonly string[] | undefined> {
  const { formats = ownFormats, signal } = options;
  await using files = new CheckpointFiles(tree, { formats, report: () => {}, ...(signal && { signal }) });
  try {
    return (await files.open(path)).tensors.map(({ name }) => name);
  } catch (error) {
    if (isTenonError(error) && error.code !== "TENON_INTERRUPTED") return undefined;
    throw error;
  }
}
