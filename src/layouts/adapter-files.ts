// Where PEFT puts the files of an adapter.
import type { FileEntry } from "../core/index.ts";
import { rootFolders, rootPaths } from "./evidence.ts";

export const adapterConfigName = "adapter_config.json";

/** In the order in which PEFT looks for them. */
export const adapterWeightNames = ["adapter_model.safetensors", "adapter_model.bin"] as const;

export function isAdapterWeights(path: string): boolean {
  return (adapterWeightNames as readonly string[]).includes(path);
}

/** One adapter's place in a PEFT directory. */
export interface AdapterPlace {
  /** `default` at the top, else the folder's name, as PEFT saves it. */
  readonly name: string;
  /** Folder inside the directory; "" for the directory itself. */
  readonly directory: string;
  readonly config?: string;
  /** The weight file that PEFT would load; others of the same adapter are not read. */
  readonly weights?: string;
  readonly passedOver: readonly string[];
}

/**
 * The adapters of a PEFT directory: `default` at the top, every other in a folder of its name.
 * A folder counts only when it has both files, so that other folders with a config in them are left alone.
 */
export function adapterPlaces(files: readonly FileEntry[]): readonly AdapterPlace[] {
  const top = placeIn(files, "", "default");
  const places = top.weights !== undefined ? [top] : [];
  for (const folder of rootFolders(files)) {
    const place = placeIn(files, folder, folder);
    if (place.config !== undefined && place.weights !== undefined) places.push(place);
  }
  return places;
}

function placeIn(files: readonly FileEntry[], directory: string, name: string): AdapterPlace {
  const prefix = directory === "" ? "" : `${directory}/`;
  const own = rootPaths(
    files
      .filter(({ path }) => path.startsWith(prefix))
      .map(({ path }) => ({ path: path.slice(prefix.length) })),
  );
  const [weights, ...passedOver] = adapterWeightNames.filter((file) => own.includes(file));
  return {
    name,
    directory,
    ...(own.includes(adapterConfigName) && { config: prefix + adapterConfigName }),
    ...(weights !== undefined && { weights: prefix + weights }),
    passedOver: passedOver.map((file) => prefix + file),
  };
}
