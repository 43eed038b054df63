import type { SourceTree } from "../../bytes/index.ts";
import { adapterConfigName, adapterPlaces } from "../adapter-files.ts";
import { areHere, no, onlyOneFile, rootPaths, yes } from "../evidence.ts";
import type { Sniff } from "../layout.ts";

/** A PEFT directory has an adapter's config and weights, at the top or in a folder that is named after the adapter. */
export async function sniffPeft(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const files = await tree.list();
  const places = adapterPlaces(files).filter(({ config }) => config !== undefined);
  if (places.length > 0)
    return yes(...places.map(({ config = "", weights = "" }) => areHere([config, weights])));
  if (rootPaths(files).includes(adapterConfigName))
    return no(`${adapterConfigName} is here, but no adapter_model.safetensors or adapter_model.bin`);
  return no(`no ${adapterConfigName} beside an adapter_model file`);
}
