import type { SourceTree } from "../../bytes/index.ts";
import { UnsupportedError } from "../../core/index.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { findJsonDocument } from "../documents.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Layout, Sniff } from "../layout.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { readMlxAdapter } from "./read.ts";
import { mlxConfigName, mlxEarlierName, mlxWeightsName } from "./wire.ts";

/** What `mlx_lm.lora` leaves in its adapter path. A quantised model of MLX is told apart, and refused. */
export const mlx: Layout = {
  name: "mlx",
  canRead: true,
  canWrite: false,
  refines: ["hf", "peft", "peft-hybrid", "state-dict"],
  sniff,
  open(tree, options) {
    const files = new CheckpointFiles(tree, options);
    return openCheckpoint(files, async (listed) => {
      const root = rootPaths(listed);
      const { evidence } = await sniff(files.tree);
      if (!root.includes(mlxWeightsName)) throw quantised(evidence, files.tree.location);
      const earlier = root.filter((path) => mlxEarlierName.test(path));
      if (earlier.length > 0)
        files.notices.note({
          code: "TENON_WEIGHTS_PASSED_OVER",
          names: earlier,
          facts: { read: [mlxWeightsName] },
        });
      return { layout: "mlx", evidence, ...(await readMlxAdapter(files)) };
    });
  },
};

async function sniff(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const root = rootPaths(await tree.list());
  if (root.includes(mlxWeightsName) && root.includes(mlxConfigName)) {
    const config = await findJsonDocument(tree, mlxConfigName).catch(() => undefined);
    if (config?.["peft_type"] !== undefined) return no(`${mlxConfigName} has a peft_type`);
    return yes(`${areHere([mlxWeightsName, mlxConfigName])}, as mlx_lm.lora writes them`);
  }
  const config = await findJsonDocument(tree, "config.json").catch(() => undefined);
  const quantization = config?.["quantization"];
  if (typeof quantization === "object" && quantization !== null && "group_size" in quantization)
    return yes("config.json has quantization.group_size, as MLX writes it");
  return no(`no ${mlxWeightsName}, and no quantization.group_size in config.json`);
}

function quantised(evidence: readonly string[], location: string): UnsupportedError {
  const message = `mlx: this is a quantised model of MLX, which is not read yet: ${evidence.join("; ")} (${location})`;
  return new UnsupportedError("TENON_LAYOUT_NOT_YET", message, {
    details: { layout: "mlx", evidence },
    hint: "Until then: write it without quantisation, mlx_lm.convert --dequantize.",
  });
}
