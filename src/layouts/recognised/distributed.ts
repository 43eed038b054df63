// Checkpoints of several workers.
import { isZeroFile, zeroTagFolders } from "../distributed-names.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Layout } from "../layout.ts";
import { notYet } from "./not-yet.ts";

const zero: Layout = notYet({
  name: "zero",
  what: "a DeepSpeed ZeRO checkpoint",
  refines: ["state-dict"],
  hint: "Until then: python zero_to_fp32.py DIR OUT, then give OUT.",
  async sniff(tree) {
    const single = onlyOneFile(tree);
    if (single !== undefined) return single;
    const paths = (await tree.list()).map(({ path }) => path);
    const own = rootPaths(paths.map((path) => ({ path }))).filter(isZeroFile);
    if (own.length > 0) return yes(`${areHere(own)}, as DeepSpeed names the files of one tag`);
    const tags = zeroTagFolders(paths);
    if (tags.length === 0) return no("no *_model_states.pt, here or in a folder");
    const latest = paths.includes("latest") ? ", and latest says which one counts" : "";
    return yes(`${tags.join(", ")} holds *_model_states.pt of DeepSpeed${latest}`);
  },
});

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

export const distributedLayouts: readonly Layout[] = [zero, universal];
