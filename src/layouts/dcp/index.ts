import type { SourceTree } from "../../bytes/index.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Layout, Sniff } from "../layout.ts";
import { readModelPart } from "../model-part.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { DcpFolder, metadataName } from "./read.ts";

/**
 * A folder of torch.distributed.checkpoint (FSDP2, FSDP1, HSDP, torchtitan): `.metadata` and `__<rank>_<n>.distcp`. An
 * adapter_config.json or config.json beside them is used.
 */
export const dcp: Layout = {
  name: "dcp",
  canRead: true,
  canWrite: false,
  refines: ["state-dict"],
  sniff,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree);
      const folder = await DcpFolder.open(files, "");
      const model = await readModelPart(files, listed, folder.model ?? []);
      const optimizer = await folder.optimizer(model);
      const document = await folder.document();
      return {
        layout: "dcp",
        evidence,
        ...model,
        optimizer,
        trainer: document && { documents: new Map([["dcp.json", document]]) },
      };
    });
  },
};

async function sniff(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const shards = rootPaths(await tree.list()).filter((path) => path.endsWith(".distcp"));
  // A name with a dot in front is not listed, but it opens.
  const hasMetadata = (await tree.find(metadataName)) !== undefined;
  if (hasMetadata) return yes(".metadata is here", ...(shards.length > 0 ? [areHere(shards)] : []));
  if (shards.length > 0) return yes(areHere(shards), ".metadata is missing: the save did not finish");
  return no("no .metadata and no *.distcp");
}
