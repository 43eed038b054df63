import { FormatError, type Observation, type Tensor, UnsupportedError } from "../../core/index.ts";
import { HostValue, OpaqueObject, PickleMap, PickleRecord, type PickleValue } from "../../pickle/index.ts";
import { containerDepthLimit, walkedTensorLimit } from "./limits.ts";
import { TorchStorage } from "./storage.ts";
import { RefusedTensor, TorchTensor } from "./tensor.ts";
import { stateDictContainers } from "./wire.ts";

/** Dict keys as strings, list positions as numbers; an integer key is a number too. */
export type TensorPath = readonly (string | number)[];

export interface WalkOptions {
  /** Named in messages. */
  readonly file: string;
  /** Given: a tensor that cannot be read is reported and left out. Not given: it is thrown. */
  readonly report?: ((observation: Observation) => void) | undefined;
}

/**
 * Every tensor of a pickled object with its path, in the order of the file. Dicts, lists and known records are
 * looked into; an object of an unknown class must not hold tensors.
 * @throws FormatError TENON_TORCH_TENSOR_DAMAGED, UnsupportedError TENON_TORCH_TENSOR_UNSUPPORTED,
 *   UnsupportedError TENON_TORCH_OPAQUE_TENSOR
 */
export function tensorsIn(object: unknown, options: WalkOptions): [TensorPath, Tensor][] {
  const walk = new Walk(options);
  walk.visit(object as PickleValue, []);
  return walk.found;
}

export interface StateDict {
  /** Keys that lead to it; empty for the object itself. */
  readonly container: TensorPath;
  /** Names as the module knows them, without the container. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * The dicts from name to tensor among an object and its well-known containers (`state_dict`, `model`, `module`,
 * `model_state_dict`, also one in another). Dicts without a tensor are left out. Other entries (an epoch, an
 * optimizer) are passed over.
 * @throws as {@link tensorsIn}, for tensors of these dicts
 */
export function stateDictsIn(object: unknown, options: WalkOptions): StateDict[] {
  const found: StateDict[] = [];
  let count = 0;
  const look = (value: unknown, container: TensorPath): void => {
    // A whole pickled module where a state dict is expected: its tensors are there and out of reach.
    if (value instanceof OpaqueObject) new Walk(options).visit(value, container);
    if (!(value instanceof PickleMap)) return;
    const tensors = new Map<string, Tensor>();
    for (const [key, item] of value) {
      if (typeof key !== "string" && typeof key !== "number") continue;
      const [tensor] = item instanceof HostValue ? tensorsAt(item, [...container, key], options) : [];
      if (tensor === undefined) continue;
      if (tensors.has(String(key))) twice(String(key), options.file);
      if (++count > walkedTensorLimit) tooMany(options.file);
      tensors.set(String(key), tensor);
    }
    if (tensors.size > 0) found.push({ container, tensors });
    // Among tensors, an unknown object that holds some is one of them in disguise (a quantized weight).
    if (tensors.size > 0 || container.length > 0)
      for (const [key, item] of value)
        if (item instanceof OpaqueObject) new Walk(options).visit(item, [...container, segment(key)]);
    if (container.length >= containerDepthLimit) return;
    for (const [key, item] of value)
      if (typeof key === "string" && stateDictContainers.has(key)) look(item, [...container, key]);
  };
  look(object, []);
  return found;
}

/** Gives every tensor inside `object` the name of the first path that leads to it, in place. */
export function nameTensors(object: PickleValue): PickleValue {
  const seen = new Set<object>();
  const name = (value: PickleValue, path: TensorPath): PickleValue => {
    if (value instanceof TorchTensor) return value.at(path);
    if (typeof value !== "object" || value === null || seen.has(value)) return value;
    seen.add(value);
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) value[index] = name(item, [...path, index]);
    } else if (value instanceof PickleMap) {
      for (const [key, item] of value) value.set(key, name(item, [...path, segment(key)]));
    } else if (value instanceof PickleRecord) {
      if (value.state !== undefined) value.state = name(value.state, path);
      if (value.items.length > 0) name(value.ownItems(), path);
      if (value.entries.size > 0) name(value.ownEntries(), path);
      name(value.args as PickleValue[], [...path, "args"]);
      if (value.kwargs !== undefined) name(value.kwargs, path);
    }
    return value;
  };
  return name(object, []);
}

function tooMany(file: string): never {
  const message = `torch: more than ${walkedTensorLimit} tensors (${file})`;
  throw new FormatError("TENON_TORCH_TOO_MANY_TENSORS", message, {
    details: { limit: walkedTensorLimit, file },
  });
}

/** @throws FormatError TENON_TORCH_DUPLICATE_NAME */
export function twice(name: string, file: string): never {
  const message = `torch: two tensors are named ${JSON.stringify(name)} once keys are joined to names (${file})`;
  throw new FormatError("TENON_TORCH_DUPLICATE_NAME", message, { details: { tensor: name, file } });
}

function tensorsAt(value: HostValue, path: TensorPath, options: WalkOptions): Tensor[] {
  const walk = new Walk(options);
  walk.visit(value, path);
  return walk.found.map(([, tensor]) => tensor);
}

function segment(key: PickleValue): string | number {
  if (typeof key === "string") return key;
  return typeof key === "number" ? key : String(typeof key === "object" ? "<key>" : key);
}

class Walk {
  readonly found: [TensorPath, Tensor][] = [];
  private readonly options: WalkOptions;
  private readonly isInOpaque: boolean;
  /** Objects below which there is no tensor: shared ones need one look. */
  private readonly empty = new Set<object>();

  constructor(options: WalkOptions, isInOpaque = false) {
    this.options = options;
    this.isInOpaque = isInOpaque;
  }

  /** Returns whether a tensor was there, read or refused. */
  visit(value: PickleValue, path: TensorPath): boolean {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
    if (value instanceof TorchTensor) return this.take(value, path);
    if (value instanceof RefusedTensor)
      return this.refuse(value.error(nameOf(path), this.options.file), path);
    // An unknown function of a storage makes a tensor, or it would have no use for one.
    if (value instanceof TorchStorage) return this.isInOpaque;
    if (this.empty.has(value)) return false;
    const had =
      value instanceof OpaqueObject ? this.visitOpaque(value, path) : this.visitChildren(value, path);
    if (!had) this.empty.add(value);
    return had;
  }

  private visitChildren(value: PickleValue & object, path: TensorPath): boolean {
    let had = false;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) had = this.visit(item, [...path, index]) || had;
    } else if (value instanceof PickleMap) {
      for (const [key, item] of value) had = this.visit(item, [...path, segment(key)]) || had;
    } else if (value instanceof Set) {
      for (const item of value) had = this.visit(item, [...path, "<set>"]) || had;
    } else if (value instanceof PickleRecord) {
      for (const part of [value.state, value.items as PickleValue[], value.entries, value.kwargs])
        if (part !== undefined) had = this.visit(part, path) || had;
      for (const [index, item] of value.args.entries())
        had = this.visit(item, [...path, "args", index]) || had;
    } else if (value instanceof HostValue) {
      for (const [index, item] of value.children().entries()) had = this.visit(item, [...path, index]) || had;
    }
    return had;
  }

  /** What an unknown class does with a tensor is unknown: to read it under some name would be a guess. */
  private visitOpaque(value: OpaqueObject, path: TensorPath): boolean {
    const inner = new Walk({ ...this.options, report: () => {} }, true);
    if (!inner.visitChildren(value, path)) return false;
    const { file } = this.options;
    const subject = path.length === 0 ? "the saved object" : JSON.stringify(nameOf(path));
    const message = `torch: ${subject} holds tensors inside an object of ${value.global}, a class that is not known (${file})`;
    const error = new UnsupportedError("TENON_TORCH_OPAQUE_TENSOR", message, {
      details: { global: value.global, name: nameOf(path), file },
      hint: "Save the state dict of the model (tensors by name) instead of the object.",
    });
    return this.refuse(error, path);
  }

  private take(tensor: TorchTensor, path: TensorPath): boolean {
    if (this.found.length >= walkedTensorLimit) tooMany(this.options.file);
    this.found.push([path, tensor.at(path)]);
    return true;
  }

  private refuse(error: FormatError | UnsupportedError, path: TensorPath): boolean {
    const { report } = this.options;
    if (report === undefined) throw error;
    report({ code: error.code, names: [nameOf(path)], facts: { message: error.message } });
    return true;
  }
}

function nameOf(path: TensorPath): string {
  return path.join(".");
}
