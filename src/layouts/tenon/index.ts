import type { SourceTree } from "../../bytes/index.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { no, onlyOneFile, yes } from "../evidence.ts";
import type { Layout, Sniff } from "../layout.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { readTenon } from "./read.ts";
import { manifestName } from "./schema.ts";
import { arrangeTenon, finishTenon } from "./write.ts";

/** tenon's own layout: base/, adapters/, optimizer/, trainer/ in standard files, and one manifest. */
export const tenon: Layout = {
  name: "tenon",
  canRead: true,
  canWrite: true,
  refines: [
    "trainer",
    "accelerate",
    "peft-hybrid",
    "peft",
    "hf",
    "state-dict",
    "zero",
    "universal",
    "dcp",
    "mlx",
    "kohya",
    "gguf",
  ],
  sniff,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree);
      return { layout: "tenon", evidence, ...(await readTenon(files, listed)) };
    });
  },
  arrange: arrangeTenon,
  finish: finishTenon,
};

async function sniff(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  if ((await tree.find(manifestName)) === undefined) return no(`no ${manifestName}`);
  return yes(`${manifestName} is here`);
}
