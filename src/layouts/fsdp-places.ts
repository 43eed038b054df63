// Where accelerate 1.15 puts what FSDP saved (utils/fsdp_utils.py, save_fsdp_model and save_fsdp_optimizer).
import { UnsupportedError } from "../core/index.ts";
import { rootFolders } from "./evidence.ts";

export interface FsdpPlaces {
  /** DCP folders, with a slash at the end. */
  readonly modelFolder?: string;
  readonly optimizerFolder?: string;
  /** A FULL state dict in one file. */
  readonly modelFile?: string;
  /** Places of a second model and of later ones. */
  readonly later: readonly string[];
}

/** `optimizer.bin` is accelerate's own name too, whoever sharded: the names in it tell. */
const folders = { model: "pytorch_model_fsdp_0", optimizer: "optimizer_0" } as const;
const fullModel = "pytorch_model_fsdp.bin";
const laterPlace = /^pytorch_model_fsdp_[1-9]\d*(?:\.bin)?$/;
const rankFile = /^(?:pytorch_model_fsdp|optimizer)(?:_\d+)?_rank\d+\.bin$/;

/**
 * Looks for FSDP's places among the files of a training checkpoint; undefined when there are none.
 * @throws UnsupportedError TENON_FSDP_RANK_FILES
 */
export function fsdpPlacesIn(listed: readonly { readonly path: string }[]): FsdpPlaces | undefined {
  const paths = listed.map(({ path }) => path);
  refuseRankFiles(paths);
  const saved = rootFolders(
    paths.filter((path) => /^[^/]+\/[^/]+\.distcp$/.test(path)).map((path) => ({ path })),
  );
  const root = paths.filter((path) => !path.includes("/"));
  const hasModelFile = root.includes(fullModel);
  const later = [...saved, ...root].filter((place) => laterPlace.test(place));
  const has = (folder: string): boolean => saved.includes(folder);
  if (!has(folders.model) && !has(folders.optimizer) && !hasModelFile) return undefined;
  return {
    ...(has(folders.model) && { modelFolder: `${folders.model}/` }),
    ...(has(folders.optimizer) && { optimizerFolder: `${folders.optimizer}/` }),
    ...(hasModelFile && { modelFile: fullModel }),
    later: hasModelFile || has(folders.model) ? later : [],
  };
}

/** LOCAL_STATE_DICT, or a save without DCP: pickled DTensors, which say nothing about the whole. */
function refuseRankFiles(paths: readonly string[]): void {
  const own = paths.filter((path) => rankFile.test(path));
  const [first] = own;
  if (first === undefined) return;
  throw new UnsupportedError(
    "TENON_FSDP_RANK_FILES",
    `fsdp: ${own.length} files of single ranks, which do not say how they fit together (${first})`,
    {
      details: { files: own.slice(0, 10), count: own.length },
      hint: "Resume in accelerate and save with SHARDED_STATE_DICT (and DCP) or FULL_STATE_DICT.",
    },
  );
}
