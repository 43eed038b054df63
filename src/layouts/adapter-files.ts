// Where PEFT puts the files of an adapter.
import type { FileEntry } from "../core/index.ts";
import { rootFolders } from "./evidence.ts";

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
  const paths = new Set(files.map(({ path }) => path));
  const top = placeIn(paths, "", "default");
  const places = top.weights !== undefined ? [top] : [];
  for (const folder of adapterFolders(files)) {
    const place = placeIn(paths, folder, folder);
    if (place.config !== undefined && place.weights !== undefined) places.push(place);
  }
  return places;
}

/** Folders that may belong to an adapter: a trainer's earlier checkpoints (`checkpoint-500/`) do not. */
export function adapterFolders(files: readonly FileEntry[]): readonly string[] {
  const earlier = new Set(trainerFolders(files));
  return rootFolders(files).filter((folder) => !earlier.has(folder));
}

/** Folders of the source that are training checkpoints by themselves. */
export function trainerFolders(files: readonly FileEntry[]): readonly string[] {
  const paths = new Set(files.map(({ path }) => path));
  return rootFolders(files).filter(
    (folder) =>
      /^checkpoint[-_]\d+$/.test(folder) ||
      paths.has(`${folder}/trainer_state.json`) ||
      paths.has(`${folder}/optimizer.pt`) ||
      paths.has(`${folder}/optimizer.bin`),
  );
}

function placeIn(paths: ReadonlySet<string>, directory: string, name: string): AdapterPlace {
  const prefix = directory === "" ? "" : `${directory}/`;
  const [weights, ...passedOver] = adapterWeightNames.filter((file) => paths.has(prefix + file));
  return {
    name,
    directory,
    ...(paths.has(prefix + adapterConfigName) && { config: prefix + adapterConfigName }),
    ...(weights !== undefined && { weights: prefix + weights }),
    passedOver: passedOver.map((file) => prefix + file),
  };
}
