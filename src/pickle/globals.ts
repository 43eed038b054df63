import type { CallContext, PickleConstructor } from "./construct.ts";
import { numpyConstructors } from "./numpy.ts";
import { describe, PickleGlobal, PickleMap, PickleTuple, type PickleValue } from "./values.ts";

function fillMap(map: PickleMap, from: PickleValue | undefined, context: CallContext): PickleMap {
  if (from === undefined || from === null) return map;
  if (from instanceof PickleMap) {
    for (const [key, value] of from) map.set(key, value);
    return map;
  }
  if (!Array.isArray(from)) context.fail(`a dict is made of a dict or of pairs, not of ${describe(from)}`);
  for (const pair of from) {
    if (!Array.isArray(pair) || pair.length !== 2) context.fail("a dict is made of pairs");
    const [key, value] = pair as [PickleValue, PickleValue];
    if (Array.isArray(key) && !(key instanceof PickleTuple)) context.fail("a list cannot be a key");
    map.set(key, value);
  }
  return map;
}

function orderedDict(args: readonly PickleValue[], context: CallContext): PickleValue {
  return fillMap(new PickleMap(context.global.global), args[0], context);
}

// The factory is a class or None; it is not called, so a missing key stays missing.
function defaultDict(args: readonly PickleValue[], context: CallContext): PickleValue {
  return fillMap(new PickleMap(context.global.global), args[1], context);
}

function size(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [sizes] = args;
  if (sizes === undefined) return new PickleTuple();
  if (!Array.isArray(sizes)) context.fail(`torch.Size takes a tuple, not ${describe(sizes)}`);
  return sizes instanceof PickleTuple ? sizes : PickleTuple.ofValues(sizes);
}

function set(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [items] = args;
  if (items === undefined) return new Set();
  if (!Array.isArray(items) && !(items instanceof Set))
    context.fail(`a set is made of a list, not of ${describe(items)}`);
  return new Set(items);
}

function bytes(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [from, encoding] = args;
  if (from === undefined) return new Uint8Array(0);
  // bytearray(n) would make n bytes out of five: Python never pickles it that way.
  if (typeof from === "string") return encode([from, encoding ?? null], context);
  if (!(from instanceof Uint8Array)) context.fail(`takes bytes or text, not ${describe(from)}`);
  return from;
}

/** Protocol 2 has no bytes opcode: Python 3 writes `_codecs.encode(text, "latin1")`. */
function encode(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [text, encoding] = args;
  if (typeof text !== "string") context.fail(`encodes text, not ${describe(text)}`);
  const name = typeof encoding === "string" ? encoding.toLowerCase().replaceAll(/[_-]/g, "") : "";
  context.derive(text.length);
  if (name === "utf8") return new TextEncoder().encode(text);
  if (name !== "latin1" && name !== "iso88591")
    context.fail(`encodes as latin1 or utf-8, not ${describe(encoding)}`);
  const encoded = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) context.fail("text is not latin1");
    encoded[i] = code;
  }
  return encoded;
}

// copyreg._reconstructor(cls, base, state): how protocols 0 and 1 make a plain object.
function reconstructor(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [cls, base, state] = args;
  if (!(cls instanceof PickleGlobal) || !(base instanceof PickleGlobal))
    context.fail("reconstructs a class from a base");
  const isPlain = base.global === "builtins object";
  return context.call(cls, isPlain || state === undefined ? [] : [state]);
}

function newObject(args: readonly PickleValue[], context: CallContext): PickleValue {
  return context.call(args[0], args.slice(1));
}

/** Globals with a constructor of their own, keyed as {@link PickleGlobal.global}. */
export const coreConstructors: ReadonlyMap<string, PickleConstructor> = new Map<string, PickleConstructor>([
  ["collections OrderedDict", orderedDict],
  ["collections Counter", orderedDict],
  ["collections defaultdict", defaultDict],
  ["torch Size", size],
  ["builtins dict", orderedDict],
  ["builtins set", set],
  ["builtins frozenset", set],
  ["builtins bytes", bytes],
  ["builtins bytearray", bytes],
  ["_codecs encode", encode],
  ["copyreg _reconstructor", reconstructor],
  ["copyreg __newobj__", newObject],
  ...numpyConstructors,
]);

/**
 * Classes that checkpoints are known to hold and that become plain records. Where an entry ends in ` *`, the whole
 * module is meant.
 */
const recordGlobals: readonly string[] = [
  "builtins complex", "builtins slice", "builtins range", "builtins object", "builtins int", "builtins float",
  "builtins str", "builtins bool", "builtins list", "builtins tuple", "builtins NoneType", "collections deque",
  "argparse Namespace", "types SimpleNamespace", "datetime *", "decimal Decimal", "fractions Fraction", "uuid UUID",
  "pathlib PosixPath", "pathlib PurePosixPath", "pathlib WindowsPath", "pathlib PureWindowsPath", "pathlib Path",
  "pathlib._local PosixPath", "pathlib._local WindowsPath", "pathlib._local PurePosixPath",
  "torch device", "torch.serialization _get_layout", "torch Tensor", "torch Generator",
  "torch.nn.parameter Parameter", "torch.nn.parameter Buffer",
  "torch.storage UntypedStorage", "torch.storage TypedStorage",
  "numpy ndarray", "numpy.dtypes *",
  "deepspeed.runtime.fp16.loss_scaler LossScaler", "deepspeed.runtime.fp16.loss_scaler DynamicLossScaler",
  "deepspeed.runtime.fp16.loss_scaler LossScaleConfig", "deepspeed.runtime.zero.config ZeroStageEnum",
  "deepspeed.utils.tensor_fragment fragment_address", "deepspeed.checkpoint.universal_checkpoint SubparamShape",
  "torch.distributed.checkpoint.metadata *", "torch.distributed.checkpoint.filesystem _StorageInfo",
  "torch.distributed._shard.sharded_tensor.metadata TensorProperties",
  "torch.distributed._shard.sharded_tensor.metadata MEM_FORMAT_ENCODING",
  "transformers.training_args *", "transformers.training_args_seq2seq *", "transformers.trainer_utils *",
  "transformers.trainer_pt_utils AcceleratorConfig", "accelerate.state PartialState", "accelerate.state AcceleratorState",
  "accelerate.utils.dataclasses *", "peft.utils.peft_types *", "peft.tuners.lora.config *",
]; // biome-ignore format: a list

const knownRecords: ReadonlySet<string> = new Set(recordGlobals);

/** Whether the class becomes a {@link PickleRecord} rather than an opaque object. */
export function isKnownRecord(global: PickleGlobal): boolean {
  return knownRecords.has(global.global) || knownRecords.has(`${global.module} *`);
}
