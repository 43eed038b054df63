import { CheckpointFiles } from "../checkpoint-files.ts";
import type { Layout } from "../layout.ts";
import { readModelPart } from "../model-part.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { sniffHf } from "./sniff.ts";
import { arrangeHf } from "./write.ts";

/** A transformers directory: config.json and the weights of one model. */
export const hf: Layout = {
  name: "hf",
  canRead: true,
  canWrite: true,
  refines: ["state-dict"],
  sniff: sniffHf,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniffHf(files.tree);
      return { layout: "hf", evidence, ...(await readModelPart(files, listed)) };
    });
  },
  arrange: arrangeHf,
};
