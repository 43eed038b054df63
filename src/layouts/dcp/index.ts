import type { SourceTree } from "../../bytes/index.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Layout, Sniff } from "../layout.ts";
import { noteLostParameters } from "../lost-parameters.ts";
import { type ModelPart, readModelPart } from "../model-part.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { adviceFor } from "./advice.ts";
import { metadataName, shardPaths } from "./file-names.ts";

/**
 * A folder of torch.distributed.checkpoint (FSDP2, FSDP1, HSDP, torchtitan): `.metadata` and `__<rank>_<n>.distcp`; or
 * the safetensors shards of its ranks. An adapter_config.json or config.json beside them is used.
 */
export const dcp: Layout = {
  name: "dcp",
  canRead: true,
  canWrite: true,
  refines: ["state-dict"],
  sniff,
  arrange: async (draft, options) => (await import("./write.ts")).arrangeDcp(draft, options),
  examine: async (draft) => adviceFor(draft),
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const { evidence } = await sniff(files.tree);
      const shards = shardPaths(rootPaths(listed));
      if (shards.length > 0 && !(await hasMetadata(files.tree))) {
        const { openShards } = await import("./safetensors-shards.ts");
        const tensors = await openShards(files, shards);
        return { layout: "dcp", evidence, ...unsharded(await readModelPart(files, listed, tensors)) };
      }
      const { DcpFolder } = await import("./read.ts");
      const folder = await DcpFolder.open(files, "");
      const model = await readModelPart(files, listed, folder.model ?? []);
      const optimizer = await folder.optimizer(model);
      if (optimizer !== undefined) noteLostParameters(files, model, optimizer);
      const document = await folder.document();
      return {
        layout: "dcp",
        evidence,
        ...unsharded(model),
        optimizer,
        trainer: document && { documents: new Map([["dcp.json", document]]) },
      };
    });
  },
};

/** The files of ranks are no shards to be kept when the base is written. */
function unsharded(model: ModelPart): ModelPart {
  return model.base === undefined ? model : { ...model, base: { ...model.base, shards: new Map() } };
}

async function sniff(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const root = rootPaths(await tree.list());
  const shards = root.filter((path) => path.endsWith(".distcp"));
  if (await hasMetadata(tree))
    return yes(".metadata is here", ...(shards.length > 0 ? [areHere(shards)] : []));
  if (shards.length > 0) return yes(areHere(shards), ".metadata is missing: the save did not finish");
  const safetensors = shardPaths(root);
  if (safetensors.length > 0)
    return yes(areHere(safetensors), "as torch's HuggingFaceStorageWriter names the shard of each rank");
  return no("no .metadata, no *.distcp and no shard-<rank>-model-*.safetensors");
}

/** A name with a dot in front is not listed, but it opens. */
async function hasMetadata(tree: SourceTree): Promise<boolean> {
  return (await tree.find(metadataName)) !== undefined;
}
