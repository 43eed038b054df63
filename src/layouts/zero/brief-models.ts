// What the model files of further workers are wanted for: the pieces of frozen parameters, and whether the save is one. Their
// pickles repeat the first worker's, so a save of 512 workers would keep half a million names and placeholders.
import type { ByteSource } from "../../bytes/index.ts";
import { bytesPerElement, type DType, type Shape, sameShape, type Tensor } from "../../core/index.ts";
import { storedTensor } from "../../formats/index.ts";
import { PickleMap } from "../../pickle/index.ts";
import { Fields } from "./fields.ts";
import type { FrozenFragments, ModelFile } from "./model-file.ts";

/** Keys that are compared among workers. */
const comparedKeys = ["ds_version", "global_steps"];

/** Makes files short that are like the first worker's; whatever differs in one is kept as it is, to be complained about. */
export class BriefModels {
  readonly #first: ModelFile;
  /** Places of frozen parameters in every file. */
  readonly #places: ReadonlyMap<string, number>;

  constructor(first: ModelFile) {
    this.#first = first;
    this.#places = new Map([...(first.frozenFragments?.keys() ?? [])].map((name, at) => [name, at]));
  }

  /** @param source where the tensors of the file lie */
  of({ path, fields, shapes, frozenShapes, frozenFragments }: ModelFile, source: ByteSource): ModelFile {
    const kept = new PickleMap();
    for (const key of comparedKeys) {
      const value = fields.map.get(key);
      if (value !== undefined) kept.set(key, value);
    }
    const { bufferNames, ...first } = this.#first;
    const isLike = sameLists(shapes, first.shapes) && sameMaps(frozenShapes, first.frozenShapes);
    return {
      path,
      fields: new Fields(kept, "the file", path),
      module: new Map(),
      bufferNames,
      shapes: isLike ? first.shapes : shapes,
      frozenShapes: isLike ? first.frozenShapes : frozenShapes,
      frozenFragments: frozenFragments && this.#pieces(frozenFragments, source),
      sharedNames: new Map(),
    };
  }

  /** Flat tensors in local files are three numbers each. */
  #pieces(fragments: FrozenFragments, source: ByteSource): FrozenFragments {
    const tensors = [...fragments.keys()].map((name) => fragments.get(name) as Tensor);
    const dtype = tensors[0]?.dtype;
    const numbers = new Float64Array(tensors.length * 2);
    for (const [at, tensor] of tensors.entries()) {
      const [extent, ...more] = tensor.extents ?? [];
      const isPlain = extent?.byteLength === tensor.byteLength && more.length === 0;
      const isLike = tensor.dtype === dtype && tensor.shape.length === 1;
      if (!isPlain || !isLike || this.#places.get(tensor.name) !== at) return fragments;
      numbers.set([extent.byteOffset, tensor.shape[0] as number], at * 2);
    }
    if (dtype === undefined || tensors.length !== this.#places.size) return fragments;
    return new Pieces(this.#places, dtype, numbers, source);
  }
}

class Pieces implements FrozenFragments {
  readonly #places: ReadonlyMap<string, number>;
  readonly #dtype: DType;
  /** Start in the file and number of elements, by place. */
  readonly #numbers: Float64Array;
  readonly #source: ByteSource;

  constructor(places: ReadonlyMap<string, number>, dtype: DType, numbers: Float64Array, source: ByteSource) {
    this.#places = places;
    this.#dtype = dtype;
    this.#numbers = numbers;
    this.#source = source;
  }

  keys(): Iterable<string> {
    return this.#places.keys();
  }

  get(name: string): Tensor | undefined {
    const place = this.#places.get(name);
    if (place === undefined) return undefined;
    const [byteOffset = 0, length = 0] = this.#numbers.subarray(place * 2);
    const dtype = this.#dtype;
    const byteLength = length * bytesPerElement(dtype);
    return storedTensor(this.#source, { name, dtype, shape: [length], byteOffset, byteLength });
  }
}

type Shapes = ReadonlyMap<string, Shape>;

function sameLists(one: readonly Shapes[] | undefined, other: readonly Shapes[] | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.length === other.length && one.every((shapes, at) => sameMaps(shapes, other[at]));
}

/** Also in order, which is that of the flat buffer. */
function sameMaps(one: Shapes | undefined, other: Shapes | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.size !== other.size) return false;
  const others = other.entries();
  for (const [name, shape] of one) {
    const [otherName, otherShape] = others.next().value ?? [];
    if (name !== otherName || otherShape === undefined || !sameShape(shape, otherShape)) return false;
  }
  return true;
}
