// Checkpoints of several workers.
import { areHere, no, onlyOneFile, yes } from "../evidence.ts";
import type { Layout } from "../layout.ts";
import { notYet } from "./not-yet.ts";

const universal: Layout = notYet({
  name: "universal",
  what: "a DeepSpeed universal checkpoint",
  refines: ["state-dict", "zero"],
  hint: "Until then: load it with DeepSpeed and save the model.",
  async sniff(tree) {
    const single = onlyOneFile(tree);
    if (single !== undefined) return single;
    const paths = (await tree.list()).map(({ path }) => path);
    const slices = paths.filter((path) => /(^|\/)zero\/[^/]+\/fp32\.pt$/.test(path));
    if (slices.length > 0) return yes(`${areHere(slices)}: one folder a parameter`);
    return no("no zero/<parameter>/fp32.pt");
  },
});

export const distributedLayouts: readonly Layout[] = [universal];
