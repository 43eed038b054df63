import type { SourceTree } from "../../bytes/index.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Sniff } from "../layout.ts";
import { modelFileNames } from "../model-files.ts";

/** A transformers directory says so by config.json and weights under the names that transformers gives them. */
export async function sniffHf(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const root = rootPaths(await tree.list());
  const weights = modelFileNames(root);
  const hasConfig = root.includes("config.json");
  if (hasConfig && weights.length > 0) return yes("config.json is here", areHere(weights));
  if (hasConfig) return no("config.json is here, but no model*.safetensors or pytorch_model*.bin");
  return no(weights.length > 0 ? `${areHere(weights)}, but no config.json` : "no config.json");
}
