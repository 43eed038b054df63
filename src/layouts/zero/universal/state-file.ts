// One file of one state of one parameter. A model has thousands: a file is open only while it is read.
import {
  type Extent,
  elementCount,
  type FormatError,
  type Shape,
  sameShape,
  type Tensor,
  type TensorMeta,
  UnsupportedError,
} from "../../../core/index.ts";
import { openTensorFile, tensorsIn } from "../../../formats/index.ts";
import { PickleMap } from "../../../pickle/index.ts";
import type { CheckpointFiles } from "../../checkpoint-files.ts";
import { scalarTensor } from "../../scalar-tensor.ts";
import { refusal } from "./refusals.ts";
import { stateKeys } from "./wire.ts";

/** The value of a file, and its tensors by key: "" for a bare one. */
interface Opened {
  readonly object: unknown;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

async function withFile<Result>(
  files: CheckpointFiles,
  path: string,
  signal: AbortSignal | undefined,
  use: (opened: Opened) => Result | Promise<Result>,
): Promise<Result> {
  const { formats, report } = files.options;
  const source = await files.tree.open(path, signal);
  try {
    const { object } = await openTensorFile(source, formats, {
      ...(signal && { signal }),
      ...(report && { report }),
    });
    const found = tensorsIn(object, { file: path, report });
    const tensors = new Map(found.map(([keys, tensor]) => [keys.join("."), tensor]));
    return await use({ object, tensors });
  } finally {
    await source.close();
  }
}

/**
 * A state as large as its parameter: `{cat_dim, param}` of the parameter's shape, or a bare tensor of as many elements.
 * @throws FormatError TENON_UNIVERSAL_SHAPE_DIFFERS, TENON_UNIVERSAL_STATE_MALFORMED; UnsupportedError
 *   TENON_UNIVERSAL_STATE_KIND
 */
export function openState(files: CheckpointFiles, path: string, name: string, shape: Shape): Promise<Tensor> {
  return withFile(files, path, files.options.signal, (opened) => {
    const tensor = tensorOf(opened, path);
    const isFlat = tensor.shape.length === 1 && tensor.shape[0] === elementCount(shape);
    if (!sameShape(tensor.shape, shape) && !isFlat) {
      const what = `${JSON.stringify(name)} is [${tensor.shape.join(", ")}], the model file lists [${shape.join(", ")}]`;
      throw refusal("TENON_UNIVERSAL_SHAPE_DIFFERS", what, path, {
        tensor: name,
        found: tensor.shape,
        listed: shape,
      });
    }
    if (tensor.dtype !== "F32") throw malformed(`a tensor of ${tensor.dtype}`, "one of F32", path);
    return new StateTensor(files, path, name, shape, tensor);
  });
}

/** The value of a `step.pt`: a number, or a tensor of one. @throws FormatError TENON_UNIVERSAL_STATE_MALFORMED */
export function readStep(files: CheckpointFiles, path: string): Promise<number> {
  return withFile(files, path, files.options.signal, async ({ object, tensors }) => {
    const value =
      typeof object === "number" ? object : await numberIn(tensors.get("") ?? tensors.get("param"));
    if (value === undefined || !Number.isFinite(value)) throw malformed("no finite number", "a step", path);
    return value;
  });
}

/** A number as an optimizer's own scalar of f32. */
export function stepTensor(name: string, value: number, file: string): Tensor {
  return scalarTensor(`${name}/step`, value, file);
}

/** Undefined for what is no scalar of a type that torch gives a step. */
export async function numberIn(tensor: Tensor | undefined): Promise<number | undefined> {
  if (tensor === undefined || elementCount(tensor.shape) !== 1) return undefined;
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return numberInBytes(tensor, bytes);
}

/** As {@link numberIn}, of bytes that were read. */
export function numberInBytes({ dtype, shape }: TensorMeta, bytes: Uint8Array): number | undefined {
  if (elementCount(shape) !== 1) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (dtype === "F32") return view.getFloat32(0, true);
  if (dtype === "F64") return view.getFloat64(0, true);
  return dtype === "I64" ? Number(view.getBigInt64(0, true)) : undefined;
}

function tensorOf({ object, tensors }: Opened, path: string): Tensor {
  if (object instanceof PickleMap) refusePieces(object, path);
  const tensor = object instanceof PickleMap ? tensors.get("param") : tensors.get("");
  if (tensor === undefined) throw malformed("no tensor of its own and no param", "one of them", path);
  return tensor;
}

/** @throws UnsupportedError TENON_UNIVERSAL_STATE_KIND */
function refusePieces(state: PickleMap, path: string): void {
  const key = [...state.keys()].find((each) => !stateKeys.has(each));
  if (key === undefined) return;
  throw new UnsupportedError(
    "TENON_UNIVERSAL_STATE_KIND",
    `universal: the state says ${String(key)}; only those of whole parameters are read (${path})`,
    {
      details: { path, key: String(key), allowed: [...stateKeys].map(String) },
      hint: "Load it with the engine that wrote it and save the model as one file.",
    },
  );
}

function malformed(found: string, expected: string, path: string): FormatError {
  return refusal("TENON_UNIVERSAL_STATE_MALFORMED", `the file holds ${found}, ${expected} is expected`, path);
}

/** Opens its file for each read and closes it again; worker threads read local ones by their extents. */
class StateTensor implements Tensor {
  readonly id: string;
  readonly name: string;
  readonly dtype: Tensor["dtype"];
  readonly shape: Shape;
  readonly byteLength: number;
  readonly file: string;
  readonly extents?: readonly Extent[];
  readonly #files: CheckpointFiles;

  constructor(files: CheckpointFiles, path: string, name: string, shape: Shape, found: Tensor) {
    this.id = `${files.tree.location}/${path}`;
    this.name = name;
    this.dtype = found.dtype;
    this.shape = shape;
    this.byteLength = found.byteLength;
    this.file = path;
    if (found.extents !== undefined) this.extents = found.extents;
    this.#files = files;
  }

  read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    return withFile(this.#files, this.file, signal, (opened) => {
      const tensor = tensorOf(opened, this.file);
      if (tensor.byteLength === this.byteLength) return tensor.read(byteOffset, into, signal);
      throw malformed(`${tensor.byteLength} bytes`, `${this.byteLength}, as when it was opened,`, this.file);
    });
  }
}
