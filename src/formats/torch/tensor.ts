import {
  byteLengthOf,
  type DType,
  type Extent,
  FormatError,
  type Shape,
  type Tensor,
  UnsupportedError,
} from "../../core/index.ts";
import { HostValue, type PickleValue } from "../../pickle/index.ts";
import { gather } from "./gather.ts";
import type { StorageData } from "./storage.ts";
import type { SourceWindow } from "./window.ts";

/** What every tensor of one file shares. */
export interface TorchFileContext {
  readonly window: SourceWindow;
  readonly isBigEndian: boolean;
}

/** A view on a storage, as a pickle describes it; checked to lie inside. */
export interface TensorView {
  readonly data: StorageData;
  readonly dtype: DType;
  readonly shape: Shape;
  /** In elements, one an axis; 0 on axes of size 0 or 1, where no step is ever taken. */
  readonly stride: readonly number[];
  /** From the start of the storage's data. */
  readonly byteOffset: number;
  readonly elementBytes: number;
  readonly requiresGrad: boolean;
}

/** A tensor of a torch.save file. Its name is the path at which a walk found it. */
export class TorchTensor extends HostValue implements Tensor {
  readonly what = "a tensor";
  readonly id: string;
  readonly name: string;
  readonly file: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  readonly extents?: readonly Extent[];
  readonly storage?: string;
  readonly requiresGrad: boolean;
  readonly #context: TorchFileContext;
  readonly #view: TensorView;
  readonly #isContiguous: boolean;

  constructor(context: TorchFileContext, view: TensorView, path: readonly (string | number)[] = []) {
    super();
    this.#context = context;
    this.#view = view;
    this.id = `${context.window.location}#${JSON.stringify(path)}`;
    this.name = path.join(".");
    this.file = context.window.path;
    this.dtype = view.dtype;
    this.shape = view.shape;
    this.byteLength = byteLengthOf(view.dtype, view.shape);
    this.requiresGrad = view.requiresGrad;
    this.#isContiguous = isRowMajor(view.shape, view.stride);
    const extents = this.#knownExtents();
    if (extents !== undefined) this.extents = extents;
    if (this.byteLength > 0) {
      const { data, byteOffset, shape, stride } = view;
      this.storage = `${context.window.location}#${data.key}+${byteOffset}[${shape.join(",")}][${stride.join(",")}]`;
    }
  }

  /** The same tensor under the name of a path. */
  at(path: readonly (string | number)[]): TorchTensor {
    return new TorchTensor(this.#context, this.#view, path);
  }

  #knownExtents(): readonly Extent[] | undefined {
    const { data, byteOffset, elementBytes } = this.#view;
    if (this.byteLength === 0) return [];
    if (!this.#isContiguous || data.dataOffset === undefined) return undefined;
    if (this.#context.isBigEndian && elementBytes > 1) return undefined;
    const extent = this.#context.window.extent(data.dataOffset + byteOffset, this.byteLength);
    return extent === undefined ? undefined : [extent];
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (byteOffset < 0 || byteOffset + into.byteLength > this.byteLength)
      throw new Error(
        `internal: bytes ${byteOffset} to ${byteOffset + into.byteLength} of ${this.byteLength}`,
      );
    if (into.byteLength === 0) return;
    const { data, elementBytes } = this.#view;
    const dataOffset = data.dataOffset ?? (await data.locate(signal));
    const start = dataOffset + this.#view.byteOffset;
    const swapped = this.#context.isBigEndian && elementBytes > 1;
    if (this.#isContiguous && !swapped) return this.#context.window.read(start + byteOffset, into, signal);
    // Whole elements: a range that starts or ends inside one is cut out of them.
    const first = Math.floor(byteOffset / elementBytes);
    const last = Math.ceil((byteOffset + into.byteLength) / elementBytes);
    const isAligned = (last - first) * elementBytes === into.byteLength;
    const elements = isAligned ? into : new Uint8Array((last - first) * elementBytes);
    const view = { shape: this.shape, stride: this.#view.stride, byteOffset: start, elementBytes };
    if (this.#isContiguous) await this.#context.window.read(start + first * elementBytes, elements, signal);
    else
      await gather(view, first, elements, (offset, target) =>
        this.#context.window.read(offset, target, signal),
      );
    if (swapped) swapBytes(elements, this.dtype === "C64" ? 4 : elementBytes);
    if (!isAligned) {
      const from = byteOffset - first * elementBytes;
      into.set(elements.subarray(from, from + into.byteLength));
    }
  }
}

/** A tensor that the file describes and that cannot be read. Harmless until somebody wants it. */
export class RefusedTensor extends HostValue {
  readonly what = "a tensor";
  /** Whether the file is wrong (it is FormatError then) or merely beyond what is read. */
  readonly isDamage: boolean;
  private readonly complaint: string;

  constructor(complaint: string, isDamage: boolean) {
    super();
    this.complaint = complaint;
    this.isDamage = isDamage;
  }

  override build(_state: PickleValue): string | undefined {
    return undefined;
  }

  /** The error to throw when this tensor, found under `name`, is needed. */
  error(name: string, path: string): FormatError | UnsupportedError {
    const message = `torch: tensor ${JSON.stringify(name)} ${this.complaint} (${path})`;
    const extras = { details: { tensor: name, path } };
    return this.isDamage
      ? new FormatError("TENON_TORCH_TENSOR_DAMAGED", message, extras)
      : new UnsupportedError("TENON_TORCH_TENSOR_UNSUPPORTED", message, extras);
  }
}

function isRowMajor(shape: Shape, stride: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let packed = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    if (size !== 1 && stride[axis] !== packed) return false;
    packed *= size;
  }
  return true;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at + width <= bytes.byteLength; at += width) bytes.subarray(at, at + width).reverse();
}
