// The functions by which torch pickles say "make a tensor". Here each becomes a lazy view or a refusal.
import { elementCount, type Shape } from "../../core/index.ts";
import {
  type CallContext,
  describe,
  type PickleConstructor,
  PickleGlobal,
  PickleMap,
  type PickleValue,
} from "../../pickle/index.ts";
import { dimensionLimit, expandedBytesLimit } from "./limits.ts";
import { isCount, TorchStorage } from "./storage.ts";
import { RefusedTensor, type TorchFileContext, TorchTensor } from "./tensor.ts";
import { type ElementType, elementTypes } from "./wire.ts";

interface Sizes {
  readonly shape: Shape;
  readonly stride: readonly number[];
  readonly offset: number;
}

/** Constructors for one file, keyed `module name`; see torch/_utils.py and torch/_tensor.py. */
export function tensorConstructors(file: TorchFileContext): ReadonlyMap<string, PickleConstructor> {
  const budget = { expandedBytes: 0 };
  const make = (
    args: readonly PickleValue[],
    element: ElementType | undefined,
    context: CallContext,
  ): PickleValue => makeTensor(file, budget, args, element, context);
  const passOn: PickleConstructor = (args, context) => {
    const [tensor] = args;
    return isTensor(tensor) ? tensor : context.fail(`wraps a tensor, not ${describe(tensor)}`);
  };
  return new Map<string, PickleConstructor>([
    // (storage, offset, size, stride)
    ["torch._utils _rebuild_tensor", (args, context) => make(args, undefined, context)],
    // (storage, offset, size, stride, requires_grad, hooks[, metadata])
    ["torch._utils _rebuild_tensor_v2", (args, context) => make(args, undefined, context)],
    // (storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])
    ["torch._utils _rebuild_tensor_v3", (args, context) => make(args, elementOf(args[6], context), context)],
    ["torch._utils _rebuild_parameter", passOn],
    ["torch._utils _rebuild_parameter_with_state", passOn],
    ["torch._tensor _rebuild_from_type", fromType],
    ["torch._tensor _rebuild_from_type_v2", fromType],
    ...refusals.map(([name, complaint]): [string, PickleConstructor] => [
      name,
      () => new RefusedTensor(complaint, false),
    ]),
  ]);
}

const refusals: readonly (readonly [string, string])[] = [
  ["torch._utils _rebuild_meta_tensor_no_storage", "is on the meta device: its values were never saved"],
  ["torch._utils _rebuild_sparse_tensor", "is sparse, which is not read"],
  ["torch._utils _rebuild_sparse_csr_tensor", "is sparse, which is not read"],
  ["torch._utils _rebuild_nested_tensor", "is a nested tensor, which is not read"],
  ["torch._utils _rebuild_qtensor", "is a quantized tensor, which is not read"],
  [
    "torch._utils _rebuild_wrapper_subclass",
    "is a wrapper subclass without data of its own, which is not read",
  ],
  [
    "torch._utils _rebuild_device_tensor_from_numpy",
    "was saved from a device as a numpy array, which is not read",
  ],
  [
    "torch._utils _rebuild_device_tensor_from_cpu_tensor",
    "was saved from another device type, which is not read",
  ],
  ["torch._utils _rebuild_xla_tensor", "is an XLA tensor, which is not read"],
  ["torch.storage _load_from_bytes", "is a torch.save file inside a pickle, which is not read"],
];

function isTensor(value: PickleValue | undefined): value is TorchTensor | RefusedTensor {
  return value instanceof TorchTensor || value instanceof RefusedTensor;
}

/** (func, type, args, state): a tensor of a Python subclass. The subclass and its state are let go. */
function fromType(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [rebuild, type, inner] = args;
  if (!Array.isArray(inner)) context.fail(`has arguments in ${describe(inner)}`);
  // A DTensor's local shard would pass for the whole tensor.
  if (type instanceof PickleGlobal && type.name === "DTensor")
    return new RefusedTensor("is a DTensor: one rank's shard, without the others", false);
  const tensor = context.call(rebuild, inner);
  if (!isTensor(tensor)) context.fail(`rebuilds a tensor by ${describe(rebuild)}`);
  return tensor;
}

function elementOf(value: PickleValue | undefined, context: CallContext): ElementType {
  const element =
    value instanceof PickleGlobal && value.module === "torch" ? elementTypes.get(value.name) : undefined;
  return element ?? context.fail(`has ${describe(value)} where its dtype should be`);
}

function makeTensor(
  file: TorchFileContext,
  budget: { expandedBytes: number },
  args: readonly PickleValue[],
  given: ElementType | undefined,
  context: CallContext,
): PickleValue {
  const [storage] = args;
  if (storage instanceof RefusedTensor) return storage;
  if (!(storage instanceof TorchStorage)) context.fail(`views ${describe(storage)}`);
  const element = given ?? storage.element;
  if (element === undefined) return context.fail("views an untyped storage without a dtype");
  if (isLazilyNegated(args[given === undefined ? 6 : 7]))
    return new RefusedTensor("is a lazily conjugated or negated view, which is not read", false);
  const sizes = sizesFrom(args);
  if (typeof sizes === "string") return new RefusedTensor(sizes, true);
  const { data } = storage;
  if (data.problem?.kind === "meta") return new RefusedTensor(data.problem.complaint, false);
  if (data.problem !== undefined) return new RefusedTensor(data.problem.complaint, true);
  if (element.dtype === undefined)
    return new RefusedTensor(`has dtype torch.${element.name}, which is not read`, false);
  data.element ??= element;
  if (data.element !== element) {
    const both = `torch.${data.element.name} and torch.${element.name}`;
    return new RefusedTensor(`views storage ${data.key}, which is read as two dtypes, ${both}`, true);
  }
  const count = elementCount(sizes.shape);
  const complaint =
    count === 0 ? undefined : (reach(sizes, storage, element) ?? expansion(sizes, storage, element, budget));
  if (complaint !== undefined) return new RefusedTensor(complaint, true);
  return new TorchTensor(file, {
    data,
    dtype: element.dtype,
    shape: sizes.shape,
    stride: sizes.stride.map((step, axis) => ((sizes.shape[axis] as number) > 1 ? step : 0)),
    byteOffset: storage.byteOffset + sizes.offset * element.bytes,
    elementBytes: element.bytes,
    requiresGrad: args[4] === true,
  });
}

// torch/_utils.py set_tensor_metadata: the bytes are those of the tensor before `.conj()` or `.imag` of it.
function isLazilyNegated(metadata: PickleValue | undefined): boolean {
  return metadata instanceof PickleMap && (metadata.get("conj") === true || metadata.get("neg") === true);
}

/** Offset, size and stride, checked by themselves; a complaint when they are no numbers to count with. */
function sizesFrom(args: readonly PickleValue[]): Sizes | string {
  const [, offset, shape, stride] = args;
  if (!isCount(offset)) return `has ${describeNumber(offset)} as its offset`;
  if (!Array.isArray(shape) || !Array.isArray(stride) || shape.length !== stride.length)
    return "has sizes and strides that do not belong together";
  if (shape.length > dimensionLimit)
    return `has ${shape.length} dimensions; at most ${dimensionLimit} are read`;
  const bad = [...shape, ...stride].find((value) => !isCount(value));
  if (bad !== undefined) return `has ${describeNumber(bad)} as a size or stride`;
  const counts = [...shape] as number[];
  let product = 1;
  for (const size of counts) product *= Math.max(size, 1);
  if (product > Number.MAX_SAFE_INTEGER / 16)
    return `has sizes [${counts.join(", ")}], more than can be addressed`;
  return { shape: counts, stride: [...stride] as number[], offset };
}

function describeNumber(value: PickleValue | undefined): string {
  return typeof value === "number" || typeof value === "bigint" ? String(value) : describe(value);
}

function reach(sizes: Sizes, storage: TorchStorage, element: ElementType): string | undefined {
  const last = sizes.shape.reduce(
    (sum, size, axis) => sum + (size - 1) * (sizes.stride[axis] as number),
    sizes.offset,
  );
  const elements = Math.floor(storage.byteLength / element.bytes);
  if (last < elements) return undefined;
  const view = `[${sizes.shape.join(", ")}] with strides [${sizes.stride.join(", ")}] at offset ${sizes.offset}`;
  return `is a view ${view} that reaches element ${last} of a storage with ${elements}`;
}

/** Views whose elements share places stand for more bytes than the file has; all together are bounded. */
function expansion(
  sizes: Sizes,
  storage: TorchStorage,
  element: ElementType,
  budget: { expandedBytes: number },
): string | undefined {
  const bytes = elementCount(sizes.shape) * element.bytes;
  const excess = bytes - storage.byteLength;
  if (excess <= 0) return undefined;
  budget.expandedBytes += excess;
  if (budget.expandedBytes <= expandedBytesLimit) return undefined;
  return `expands ${storage.byteLength} bytes to ${bytes}; the views of one file may add at most ${expandedBytesLimit}`;
}
