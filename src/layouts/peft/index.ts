import { CheckpointFiles } from "../checkpoint-files.ts";
import type { Layout } from "../layout.ts";
import { readModelPart } from "../model-part.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { sniffAdapterDirectory } from "../sniff-adapter-directory.ts";
import { arrangePeft } from "./write.ts";

/** A PEFT directory: one adapter at the top, or several in folders. A model that lies beside it is read as the base. */
export const peft: Layout = {
  name: "peft",
  canRead: true,
  canWrite: true,
  refines: ["hf", "state-dict"],
  sniff: sniffAdapterDirectory,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniffAdapterDirectory(files.tree);
      return { layout: "peft", evidence, ...(await readModelPart(files, listed)) };
    });
  },
  arrange: arrangePeft,
};
