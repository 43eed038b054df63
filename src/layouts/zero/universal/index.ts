import type { SourceTree } from "../../../bytes/index.ts";
import { CheckpointFiles } from "../../checkpoint-files.ts";
import { areHere, no, onlyOneFile, yes } from "../../evidence.ts";
import type { Layout, Sniff } from "../../layout.ts";
import { openCheckpoint } from "../../opened-checkpoint.ts";
import { universalFolders } from "./tags.ts";

/** What DeepSpeed's `ds_to_universal` makes of a ZeRO save: one folder a parameter, for any number of workers. */
export const universal: Layout = {
  name: "universal",
  canRead: true,
  canWrite: true,
  refines: ["hf", "peft", "peft-hybrid", "trainer", "accelerate", "state-dict", "zero"],
  sniff,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree);
      const { readUniversal } = await import("./read.ts");
      const parts = await readUniversal(files, listed);
      return { layout: "universal", ...parts, evidence: [...evidence, ...parts.evidence] };
    });
  },
  arrange: async (draft, options) => (await import("./write.ts")).arrangeUniversal(draft, options),
  examine: async (draft, read) => (await import("./examine.ts")).examineUniversal(draft, read),
};

async function sniff(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const paths = (await tree.list()).map(({ path }) => path);
  if (universalFolders(paths).length === 0) return no("no zero/<parameter>/fp32.pt, here or in a folder");
  const masters = paths.filter((path) => /(^|\/)zero\/[^/]+\/fp32\.pt$/.test(path));
  return yes(`${areHere(masters)}: one folder a parameter`);
}
