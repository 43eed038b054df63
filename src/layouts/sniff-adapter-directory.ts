import type { SourceTree } from "../bytes/index.ts";
import { adapterConfigName, adapterPlaces } from "./adapter-files.ts";
import { areHere, maybe, no, onlyOneFile, rootPaths, yes } from "./evidence.ts";
import type { Sniff } from "./layout.ts";

/** A PEFT directory has an adapter's config and weights, at the top or in a folder that is named after the adapter. */
export async function sniffAdapterDirectory(tree: SourceTree): Promise<Sniff> {
  const single = onlyOneFile(tree);
  if (single !== undefined) return single;
  const files = await tree.list();
  const places = adapterPlaces(files);
  const whole = places.filter(({ config }) => config !== undefined);
  if (whole.length > 0)
    return yes(...whole.map(({ config = "", weights = "" }) => areHere([config, weights])));
  const [alone] = places;
  if (alone?.weights !== undefined) return maybe(`${areHere([alone.weights])}, but no ${adapterConfigName}`);
  if (rootPaths(files).includes(adapterConfigName))
    return no(`${adapterConfigName} is here, but no adapter_model.safetensors or adapter_model.bin`);
  return no(`no ${adapterConfigName} beside an adapter_model file`);
}
