import type { SourceTree } from "../../bytes/index.ts";
import { isTenonError } from "../../core/index.ts";
import { formats as ownFormats } from "../../formats/index.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { no, yes } from "../evidence.ts";
import { hybridFiles } from "../hybrid-files.ts";
import type { Layout, Sniff, SniffOptions } from "../layout.ts";
import { readModelPart } from "../model-part.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { sniffAdapterDirectory } from "../sniff-adapter-directory.ts";
import { hasTrainedBase, withTrainedBase } from "../trained-base.ts";

/** A PEFT directory whose adapter file also carries base parameters that were trained. Stock PEFT loads it. */
export const peftHybrid: Layout = {
  name: "peft-hybrid",
  canRead: true,
  canWrite: true,
  refines: ["peft", "hf", "state-dict"],
  sniff,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree, options);
      const part = await readModelPart(files, listed);
      return { layout: "peft-hybrid", evidence, ...withTrainedBase(part) };
    });
  },
  arrange: (draft) => hybridFiles(draft, "peft-hybrid"),
};

/** Names alone do not tell; the header of the adapter's file does. */
async function sniff(tree: SourceTree, { formats = ownFormats, signal }: SniffOptions = {}): Promise<Sniff> {
  const { match, evidence } = await sniffAdapterDirectory(tree);
  if (match !== "yes") return no(...evidence);
  await using files = new CheckpointFiles(tree, { formats, report: () => {}, ...(signal && { signal }) });
  try {
    const part = await readModelPart(files, await tree.list(), []);
    if (!hasTrainedBase(part)) return no("the adapter file holds nothing but the adapter");
    const count = [...part.adapters.values()].flatMap(({ replacements }) => replacements).length;
    return yes(...evidence, `the adapter file also holds ${count} base parameters`);
  } catch (error) {
    // What is wrong with the file is said by whoever opens it for good.
    if (isTenonError(error) && error.code !== "TENON_INTERRUPTED")
      return no("the adapter file cannot be read");
    throw error;
  }
}
