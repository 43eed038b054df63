import {
  build,
  bytes,
  type Code,
  call,
  dict,
  float,
  get,
  global,
  int,
  list,
  none,
  persistent,
  put,
  stackGlobal,
  str,
  tuple,
  yes,
} from "../pickle/assemble.ts";
import { edges } from "./mutate.ts";
import type { Random } from "./random.ts";

const names = [
  "collections OrderedDict", "collections defaultdict", "collections Counter", "torch Size", "torch float32",
  "torch bfloat16", "torch complex128", "torch device", "builtins set", "builtins bytearray", "builtins frozenset",
  "__builtin__ dict", "_codecs encode", "copyreg _reconstructor", "copyreg __newobj__", "builtins object", "builtins complex",
  "numpy dtype", "numpy ndarray", "numpy._core.multiarray _reconstruct", "numpy._core.multiarray scalar",
  "numpy._core.numeric _frombuffer", "torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2",
  "torch._utils _rebuild_tensor_v3", "torch._utils _rebuild_parameter", "torch._tensor _rebuild_from_type_v2",
  "torch._utils _rebuild_qtensor", "torch.distributed.tensor DTensor", "torch FloatStorage", "torch ShortStorage",
  "torch.storage UntypedStorage", "deepspeed.runtime.zero.config ZeroStageEnum", "my.own Thing", "os system", "a b.c",
]; // biome-ignore format: a list
const words = [
  "w",
  "0",
  "1",
  "state_dict",
  "model",
  "storage",
  "cpu",
  "meta",
  "latin1",
  "f4",
  "u1",
  "<",
  "__proto__",
  "",
];

/** A random expression: one value, made of the opcodes and names that the machine knows. */
export function anyValue(random: Random, depth = 0): Code {
  const inner = (): Code => anyValue(random, depth + 1);
  const few = (): Code[] => Array.from({ length: random.below(4) }, inner);
  if (depth > 4)
    return random.pick<() => Code>([() => none, () => str(random.pick(words)), () => anyInt(random)])();
  switch (random.below(16)) {
    case 0:
      return none;
    case 1:
      return anyInt(random);
    case 2:
    case 3:
      return str(random.pick(words));
    case 4:
      return tuple(...few());
    case 5:
      return list(...few());
    case 6:
      return dict(...few().map((value) => [str(random.pick(words)), value] as const));
    case 7:
      return anyGlobal(random);
    case 8:
      return call(anyGlobal(random), ...few());
    case 9:
      return build(call(anyGlobal(random), ...few()), inner());
    case 10:
      return [...inner(), ...put(random.below(4))];
    case 11:
      return get(random.below(4));
    case 12:
      return bytes(Array.from({ length: random.below(9) }, () => random.below(256)));
    case 13:
      return float(random.pick([0, 1.5, Number.NaN, -1e300]));
    case 14:
      return anyTensor(random, 5);
    default:
      return yes;
  }
}

export function anyInt(random: Random): Code {
  if (random.below(3) > 0) return int(random.below(6));
  const value = BigInt.asIntN(64, random.pick(edges) * (random.below(3) === 0 ? -1n : 1n));
  return int(value);
}

function anyGlobal(random: Random): Code {
  const [module = "", name = ""] = random.pick(names).split(" ");
  return random.below(2) === 0 ? global(module, name) : stackGlobal(module, name);
}

/** Storages that tensors here are on: eight elements each. */
export const storages = [
  { key: "0", type: "FloatStorage", elementBytes: 4 },
  { key: "1", type: "ShortStorage", elementBytes: 2 },
] as const;

/** A tensor on one of {@link storages}, mostly sound. */
export function anyTensor(
  random: Random,
  idLength: 5 | 6,
  of: (typeof storages)[number] = random.pick(storages),
): Code {
  const odd = (): boolean => random.below(24) === 0;
  const small = (end: number): Code => (odd() ? anyInt(random) : int(random.below(end)));
  const axes = random.below(3);
  const sizes = (): Code => tuple(...Array.from({ length: odd() ? random.below(5) : axes }, () => small(3)));
  const type = odd()
    ? random.pick(["ByteStorage", "QInt8Storage", "ComplexFloatStorage", "NoStorage"])
    : of.type;
  const view = odd() ? tuple(str("v"), small(4), small(4)) : none;
  const id = [
    str("storage"),
    global("torch", type),
    str(odd() ? "2" : of.key),
    str(odd() ? "meta" : "cpu"),
    odd() ? anyInt(random) : int(8),
  ];
  const storage = persistent(tuple(...id, ...(idLength === 6 ? [view] : [])));
  const name = odd() ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2";
  return call(
    global("torch._utils", name),
    storage,
    small(3),
    sizes(),
    sizes(),
    yes,
    none,
    global("torch", "uint16"),
  );
}
