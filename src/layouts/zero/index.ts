import type { SourceTree } from "../../bytes/index.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { isZeroFile, zeroTagFolders } from "../distributed-names.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Layout, Sniff } from "../layout.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";

/**
 * What DeepSpeed's `save_checkpoint` leaves: a folder of one save, or a directory of several with `latest`. Also a checkpoint
 * of transformers' Trainer or accelerate with such a folder in it, which holds more than the files beside it.
 */
export const zero: Layout = {
  name: "zero",
  canRead: true,
  canWrite: false,
  refines: ["trainer", "accelerate", "peft-hybrid", "peft", "hf", "state-dict"],
  sniff,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree);
      const { readZero } = await import("./read.ts");
      const parts = await readZero(files, listed);
      return { layout: "zero", ...parts, evidence: [...evidence, ...parts.evidence] };
    });
  },
};

async function sniff(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const listed = await tree.list();
  const own = rootPaths(listed).filter(isZeroFile);
  if (own.length > 0) return yes(`${areHere(own)}, as DeepSpeed names the files of one save`);
  const paths = listed.map(({ path }) => path);
  const tags = zeroTagFolders(paths);
  if (tags.length === 0) return no("no *_model_states.pt, here or in a folder");
  const latest = paths.includes("latest") ? ", and latest says which one counts" : "";
  return yes(
    `${tags.join(", ")} ${tags.length === 1 ? "holds" : "hold"} *_model_states.pt of DeepSpeed${latest}`,
  );
}
