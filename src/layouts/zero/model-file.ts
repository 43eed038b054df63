import type { ByteSource } from "../../bytes/index.ts";
import type { Shape, Tensor } from "../../core/index.ts";
import { tensorsIn } from "../../formats/index.ts";
import type { PickleValue } from "../../pickle/index.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { Fields, malformed, shapesOf } from "./fields.ts";
import type { TagPlace } from "./tag.ts";
import type { TagFile } from "./wire.ts";

/** Pieces of frozen parameters by name. */
export interface FrozenFragments {
  keys(): Iterable<string>;
  get(name: string): Tensor | undefined;
}

/** A `*_model_states.pt`, typed. No tensor is read. */
export interface ModelFile {
  readonly path: string;
  readonly fields: Fields;
  /** `module`: in stage 3 parameters are placeholders of shape [0] and only buffers are real. */
  readonly module: ReadonlyMap<string, Tensor>;
  readonly bufferNames: ReadonlySet<string>;
  /** Trained parameters in the order of the flat buffers: one map a param group, in stage 3 one a sub-group. */
  readonly shapes: readonly ReadonlyMap<string, Shape>[] | undefined;
  readonly frozenShapes: ReadonlyMap<string, Shape> | undefined;
  readonly frozenFragments: FrozenFragments | undefined;
  /** Alias → owner. Only the first rank's file has them. */
  readonly sharedNames: ReadonlyMap<string, string>;
}

/** Gives the form in which files of further workers are kept. */
export interface Shortener {
  /** @param source where the tensors of the file lie */
  of(model: ModelFile, source: ByteSource): ModelFile;
}

export type ModelPlace = Extract<TagFile, { kind: "model" }>;

/**
 * @throws FormatError TENON_ZERO_MALFORMED, and what reading pickles throws
 */
export async function readModelFile(
  files: CheckpointFiles,
  place: TagPlace,
  file: ModelPlace,
  shortener?: Shortener,
): Promise<ModelFile> {
  const { path, object, source } = await files.openObject(place.directory + file.path);
  const fields = new Fields(object as PickleValue, "the file", path);
  const tensors = (key: string): Map<string, Tensor> | undefined => {
    const dict = fields.dict(key);
    if (dict === undefined) return undefined;
    const found = new Map<string, Tensor>();
    for (const [[name, ...inner], tensor] of tensorsIn(dict.map, {
      file: path,
      report: files.options.report,
    }))
      if (inner.length === 0) found.set(String(name), tensor);
    return found;
  };
  const shapes = fields
    .list("param_shapes")
    ?.map((group, at) => shapesOf(group, `param_shapes[${at}]`, path));
  const frozen = fields.get("frozen_param_shapes");
  const model: ModelFile = {
    path,
    fields,
    module: (shortener === undefined ? tensors("module") : undefined) ?? new Map(),
    bufferNames: new Set(namesIn(fields.list("buffer_names"), path)),
    shapes,
    frozenShapes: frozen === undefined ? undefined : shapesOf(frozen, "frozen_param_shapes", path),
    frozenFragments: tensors("frozen_param_fragments"),
    sharedNames: sharedNames(fields.dict("shared_params"), path),
  };
  return shortener === undefined ? model : shortener.of(model, source);
}

function namesIn(list: readonly PickleValue[] | undefined, path: string): string[] {
  return (list ?? []).map((name) => {
    if (typeof name !== "string") throw malformed("a name in buffer_names", name, "text", path);
    return name;
  });
}

function sharedNames(dict: Fields | undefined, path: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const [alias, owner] of dict?.map ?? []) {
    if (typeof alias !== "string") throw malformed("an alias in shared_params", alias, "text", path);
    if (typeof owner !== "string")
      throw malformed(`shared_params[${JSON.stringify(alias)}]`, owner, "text", path);
    names.set(alias, owner);
  }
  return names;
}
