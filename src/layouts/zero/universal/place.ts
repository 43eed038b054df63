// Which folder of a source is read, and what is in it.
import { type FileEntry, UnsupportedError } from "../../../core/index.ts";
import type { CheckpointFiles } from "../../checkpoint-files.ts";
import { refusal } from "./refusals.ts";
import { universalTag } from "./tags.ts";
import { modelRanks, optimizerFile, parametersFolder, sharedModel } from "./wire.ts";

export interface UniversalPlace {
  /** The folder's name; "" when the source itself is the folder. */
  readonly tag: string;
  /** What stands before a path: "" or `<tag>/`. */
  readonly directory: string;
  /** Names of the model files that are read: the one of stages 1 and 2, or every worker's of stage 3. */
  readonly models: readonly string[];
  /** Parameter → state (`fp32`, `exp_avg`) → path in the source. */
  readonly parameters: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/**
 * The place that {@link universalTag} chooses, by the names in it.
 * @throws FormatError TENON_UNIVERSAL_LATEST, TENON_UNIVERSAL_UNFINISHED, TENON_UNIVERSAL_NAME_UNSAFE,
 *   TENON_UNIVERSAL_MODEL_FILES; UnsupportedError TENON_UNIVERSAL_TENSOR_PARALLEL
 */
export async function findPlace(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
): Promise<UniversalPlace> {
  const paths = listed.map(({ path }) => path);
  const tag = await universalTag(files, paths);
  const directory = tag === "" ? "" : `${tag}/`;
  const own = paths.filter((path) => path.startsWith(directory)).map((path) => path.slice(directory.length));
  if (own.some((path) => path.startsWith("tmp/")))
    throw refusal(
      "TENON_UNIVERSAL_UNFINISHED",
      "the converter's own tmp folder is still here, so it did not finish",
      `${directory}tmp`,
      {},
      "Run ds_to_universal again, without --keep_temp_folder.",
    );
  return { tag, directory, models: modelsOf(own, directory), parameters: parametersOf(own, directory) };
}

/** Where both kinds stand side by side, as in a folder for every stage, they say the same and the shared one is read. */
function modelsOf(own: readonly string[], directory: string): readonly string[] {
  const found = own.flatMap((path) => {
    const ranks = modelRanks(path);
    return ranks === undefined ? [] : [{ path, ...ranks }];
  });
  const parallel = found.find(({ tensor }) => tensor > 0);
  if (parallel !== undefined)
    throw new UnsupportedError(
      "TENON_UNIVERSAL_TENSOR_PARALLEL",
      `universal: tensor parallelism cut its parameters (${directory}${parallel.path})`,
      {
        details: { path: directory + parallel.path },
        hint: "Load it with DeepSpeed and save the model as one file.",
      },
    );
  if (own.includes(sharedModel)) return [sharedModel];
  const workers = found.sort((one, other) => (one.data ?? 0) - (other.data ?? 0));
  const gap = workers.findIndex(({ data }, at) => data !== at);
  if (workers.length > 0 && gap < 0) return workers.map(({ path }) => path);
  const what =
    gap < 0 ? "no *_model_states.pt is beside the parameters" : `the model file of worker ${gap} is missing`;
  const present = workers.map(({ path }) => path).slice(0, 10);
  const hint = "Copy the folder again whole.";
  throw refusal("TENON_UNIVERSAL_MODEL_FILES", what, directory || ".", { present }, hint);
}

function parametersOf(own: readonly string[], directory: string): UniversalPlace["parameters"] {
  const found = new Map<string, Map<string, string>>();
  for (const path of own) {
    if (!path.startsWith(parametersFolder) || path === optimizerFile) continue;
    const [, name = "", state] = /^zero\/([^/]+)\/([^/]+)\.pt$/.exec(path) ?? [];
    // A tree gives no path with a backslash, a control character or `..`.
    if (state === undefined)
      throw refusal(
        "TENON_UNIVERSAL_NAME_UNSAFE",
        `${JSON.stringify(path)} is not zero/<parameter>/<state>.pt`,
        directory + path,
      );
    const states = found.get(name) ?? new Map<string, string>();
    found.set(name, states.set(state, directory + path));
  }
  return found;
}
