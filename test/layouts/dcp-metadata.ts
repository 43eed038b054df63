// Writes `.metadata` piece by piece, as torch would and as it would not.
import {
  build,
  type Code,
  call,
  dict,
  global,
  int,
  list,
  none,
  pickle,
  record,
  str,
  tuple,
} from "../pickle/assemble.ts";

const classes = "torch.distributed.checkpoint.metadata";

const size = (sizes: readonly number[]): Code => call(global("torch", "Size"), tuple(...sizes.map(int)));
const object = (module: string, name: string, state: Code): Code => build(call(global(module, name)), state);

export interface ChunkParts {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
}

export interface TensorParts {
  readonly size: readonly number[];
  readonly chunks: readonly ChunkParts[];
  readonly dtype?: Code;
  readonly layout?: string;
  /** In the place of the five properties. */
  readonly properties?: Code;
}

export interface PlaceParts {
  readonly name: string;
  readonly offset: readonly number[] | null;
  readonly file?: string;
  readonly byteOffset?: number;
  readonly byteLength?: number;
  readonly transforms?: Code;
}

export interface MetadataParts {
  readonly tensors?: Readonly<Record<string, TensorParts>>;
  readonly objects?: readonly string[];
  readonly places?: readonly PlaceParts[];
  readonly paths?: Readonly<Record<string, readonly (string | number)[]>>;
  readonly version?: string;
}

function tensorCode({ size: whole, chunks, dtype, layout = "torch.strided", properties }: TensorParts): Code {
  const state =
    properties ??
    tuple(
      dtype ?? global("torch", "float32"),
      call(global("torch.serialization", "_get_layout"), str(layout)),
      none,
      call(global(classes, "_MEM_FORMAT_ENCODING"), int(0)),
      none,
    );
  return object(
    classes,
    "TensorStorageMetadata",
    record({
      properties: object(classes, "TensorProperties", state),
      size: size(whole),
      chunks: list(
        ...chunks.map(({ offsets, sizes }) =>
          object(classes, "ChunkStorageMetadata", record({ offsets: size(offsets), sizes: size(sizes) })),
        ),
      ),
    }),
  );
}

function placeCode(place: PlaceParts, at: number): readonly [Code, Code] {
  const { name, offset, file = "__0_0.distcp", byteOffset = 100 * at, byteLength = 100, transforms } = place;
  const index = record({ fqn: str(name), index: int(0), offset: offset === null ? none : size(offset) });
  const info = record({
    relative_path: str(file),
    offset: int(byteOffset),
    length: int(byteLength),
    ...(transforms && { transform_descriptors: transforms }),
  });
  return [
    object(classes, "MetadataIndex", index),
    object("torch.distributed.checkpoint.filesystem", "_StorageInfo", info),
  ];
}

/** Places of every chunk and object, one behind the other. */
export function placesOf({ tensors = {}, objects = [] }: MetadataParts): PlaceParts[] {
  const chunks = Object.entries(tensors).flatMap(([name, tensor]) =>
    tensor.chunks.map(({ offsets }): PlaceParts => ({ name, offset: offsets })),
  );
  return [...chunks, ...objects.map((name) => ({ name, offset: null }))];
}

export function metadataOf(parts: MetadataParts): Uint8Array {
  const { tensors = {}, objects = [], places = placesOf(parts), paths, version = "1.0.0" } = parts;
  const entries: (readonly [Code, Code])[] = [
    ...Object.entries(tensors).map(([name, tensor]) => [str(name), tensorCode(tensor)] as const),
    ...objects.map((name) => [str(name), call(global(classes, "BytesStorageMetadata"))] as const),
  ];
  const segment = (value: string | number): Code => (typeof value === "number" ? int(value) : str(value));
  const planner = Object.entries(paths ?? {}).map(
    ([name, at]) => [str(name), tuple(...at.map(segment))] as const,
  );
  return pickle(
    object(
      classes,
      "Metadata",
      record({
        state_dict_metadata: dict(...entries),
        planner_data: paths === undefined ? none : dict(...planner),
        storage_data: dict(...places.map(placeCode)),
        storage_meta: none,
        version: str(version),
      }),
    ),
  );
}
