import type { SourceTree } from "../../bytes/index.ts";
import { UnsupportedError } from "../../core/index.ts";
import { CheckpointFiles } from "../checkpoint-files.ts";
import { findJsonDocument } from "../documents.ts";
import { areHere, no, rootPaths, yes } from "../evidence.ts";
import type { Layout, Sniff, SniffOptions } from "../layout.ts";
import { openCheckpoint } from "../opened-checkpoint.ts";
import { peekNames } from "../peek.ts";
import { mlxConfigName, mlxEarlierName, mlxTails, mlxWeightsName } from "./wire.ts";

/** What `mlx_lm.lora` leaves in its adapter path, or the one file of it. A quantised model of MLX is told apart, and refused. */
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
      const { evidence } = await sniff(files.tree, options);
      const weights = tree.isSingleFile ? root[0] : root.find((path) => path === mlxWeightsName);
      if (weights === undefined) throw quantised(evidence, files.tree.location);
      const earlier = root.filter((path) => path !== weights && mlxEarlierName.test(path));
      if (earlier.length > 0)
        files.notices.note({
          code: "TENON_WEIGHTS_PASSED_OVER",
          names: earlier,
          facts: { read: [weights] },
        });
      const { readMlxAdapter } = await import("./read.ts");
      return { layout: "mlx", evidence, ...(await readMlxAdapter(files, weights)) };
    });
  },
};

async function sniff(tree: SourceTree, options: SniffOptions = {}): Promise<Sniff> {
  const root = rootPaths(await tree.list());
  if (tree.isSingleFile || (root.includes(mlxWeightsName) && !root.includes(mlxConfigName)))
    return sniffNames(tree, tree.isSingleFile ? (root[0] ?? "") : mlxWeightsName, options);
  if (root.includes(mlxWeightsName)) {
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

/** Weights without the config beside them: every name ends as MLX ends them. */
async function sniffNames(tree: SourceTree, path: string, options: SniffOptions): Promise<Sniff> {
  if (!path.endsWith(".safetensors")) return no("the source is one file, and not a .safetensors");
  const names = (await peekNames(tree, path, options)) ?? [];
  const [first] = names;
  const isMlx = (name: string): boolean => mlxTails.has(name.slice(name.lastIndexOf(".") + 1));
  if (first !== undefined && names.every(isMlx))
    return yes(`${path} holds ${first}, and nothing but LoRA of MLX`);
  return no(`${path} holds other names than lora_a and lora_b`);
}

function quantised(evidence: readonly string[], location: string): UnsupportedError {
  const message = `mlx: this is a quantised model of MLX, which is not read yet: ${evidence.join("; ")} (${location})`;
  return new UnsupportedError("TENON_LAYOUT_NOT_YET", message, {
    details: { layout: "mlx", evidence },
    hint: "Until then: write it without quantisation, mlx_lm.convert --dequantize.",
  });
}
