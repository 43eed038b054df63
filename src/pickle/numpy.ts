import type { CallContext, PickleConstructor } from "./construct.ts";
import { describe, HostValue, PickleGlobal, PickleTuple, type PickleValue } from "./values.ts";

/** A numpy dtype: `descr` is its letter and size (`f8`, `i4`, `b1`, `U5`, `O8`). */
export class NumpyDType extends HostValue {
  readonly descr: string;
  byteOrder: "<" | ">" | "|" = "|";
  /** Field names of a structured dtype, which arrays here do not take apart. */
  isStructured = false;

  constructor(descr: string) {
    super();
    this.descr = descr;
  }

  get what(): string {
    return `numpy dtype ${this.descr}`;
  }

  /** Bytes of one element; undefined for objects and structured types. */
  get elementBytes(): number | undefined {
    const found = /^[bifucmMSV?](\d+)$/.exec(this.descr);
    if (this.isStructured) return undefined;
    if (found !== null) return Number(found[1]);
    const text = /^U(\d+)$/.exec(this.descr);
    return text === null ? undefined : Number(text[1]) * 4;
  }

  // numpy/core/src/multiarray/descriptor.c arraydescr_reduce: (version, byteorder, subdtype, names, fields, elsize, alignment, flags[, metadata])
  override build(state: PickleValue): string | undefined {
    if (!(state instanceof PickleTuple) || state.length < 8) return "the state of a numpy dtype has 8 items";
    const order = state[1];
    if (order !== "<" && order !== ">" && order !== "|" && order !== "=")
      return "a numpy dtype has a byte order of < > = |";
    this.byteOrder = order === "=" ? "<" : order;
    this.isStructured = state[2] !== null || state[3] !== null;
    return undefined;
  }
}

/** A numpy array: bytes as pickled, in the byte order of its dtype. */
export class NumpyArray extends HostValue {
  readonly what = "a numpy array";
  shape: readonly number[] = [0];
  dtype: NumpyDType | undefined;
  isFortranOrder = false;
  bytes: Uint8Array = new Uint8Array(0);
  /** Elements of an array of Python objects; `bytes` is empty then. */
  objects: readonly PickleValue[] | undefined;

  override children(): readonly PickleValue[] {
    return this.objects ?? [];
  }

  // numpy/core/src/multiarray/methods.c array_setstate: (version, shape, dtype, is_fortran, raw data)
  override build(state: PickleValue): string | undefined {
    if (!(state instanceof PickleTuple)) return "the state of a numpy array is a tuple";
    const [shape, dtype, isFortran, data] = state.length === 5 ? state.slice(1) : state;
    return this.fill(shape, dtype, isFortran, data);
  }

  fill(
    shape: PickleValue | undefined,
    dtype: PickleValue | undefined,
    isFortran: PickleValue | undefined,
    data: PickleValue | undefined,
  ): string | undefined {
    if (!Array.isArray(shape) || !shape.every(isCount))
      return "the shape of a numpy array is a tuple of counts";
    if (!(dtype instanceof NumpyDType)) return "a numpy array needs a dtype";
    const count = shape.reduce((product, size) => product * size, 1);
    if (Array.isArray(data)) {
      if (data.length !== count) return `a numpy array of ${count} objects has ${data.length}`;
      this.objects = data;
    } else if (data instanceof Uint8Array) {
      const elementBytes = dtype.elementBytes;
      if (elementBytes !== undefined && data.byteLength !== count * elementBytes)
        return `a numpy array of ${count} × ${elementBytes} bytes has ${data.byteLength}`;
      this.bytes = data;
    } else return `the data of a numpy array is bytes, not ${describe(data)}`;
    this.shape = shape;
    this.dtype = dtype;
    this.isFortranOrder = isFortran === true;
    return undefined;
  }
}

/** A numpy scalar; `value` where the dtype is a bool, an integer or a float of 4 or 8 bytes. */
export class NumpyScalar extends HostValue {
  readonly what = "a numpy scalar";
  readonly dtype: NumpyDType;
  readonly bytes: Uint8Array;

  constructor(dtype: NumpyDType, bytes: Uint8Array) {
    super();
    this.dtype = dtype;
    this.bytes = bytes;
  }

  get value(): number | bigint | boolean | undefined {
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    const little = this.dtype.byteOrder !== ">";
    switch (this.dtype.descr) {
      case "b1":
        return view.getUint8(0) !== 0;
      case "f4":
        return view.getFloat32(0, little);
      case "f8":
        return view.getFloat64(0, little);
      case "i1":
        return view.getInt8(0);
      case "i2":
        return view.getInt16(0, little);
      case "i4":
        return view.getInt32(0, little);
      case "i8":
        return narrow(view.getBigInt64(0, little));
      case "u1":
        return view.getUint8(0);
      case "u2":
        return view.getUint16(0, little);
      case "u4":
        return view.getUint32(0, little);
      case "u8":
        return narrow(view.getBigUint64(0, little));
      default:
        return undefined;
    }
  }
}

function narrow(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

function isCount(value: PickleValue): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function dtypeFrom(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [descr] = args;
  if (typeof descr !== "string" || !/^[a-zA-Z?]\d{0,9}$/.test(descr))
    context.fail(`numpy dtype takes a type string, not ${describe(descr)}`);
  return new NumpyDType(descr === "?" ? "b1" : descr);
}

function scalarFrom(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [dtype, bytes] = args;
  if (!(dtype instanceof NumpyDType) || !(bytes instanceof Uint8Array))
    context.fail("a numpy scalar is made of a dtype and bytes");
  if (dtype.elementBytes !== undefined && dtype.elementBytes !== bytes.byteLength)
    context.fail(`a numpy scalar of ${dtype.elementBytes} bytes has ${bytes.byteLength}`);
  return new NumpyScalar(dtype, bytes);
}

function arrayFrom(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [type] = args;
  if (!(type instanceof PickleGlobal) || type.global !== "numpy ndarray")
    context.fail(`numpy arrays of ${describe(type)} are not read`);
  return new NumpyArray();
}

// numpy/_core/numeric.py _frombuffer(buf, dtype, shape, order): protocol 5 with the buffer in band.
function fromBuffer(args: readonly PickleValue[], context: CallContext): PickleValue {
  const [data, dtype, shape, order] = args;
  const array = new NumpyArray();
  const complaint = array.fill(shape, dtype, order === "F", data);
  if (complaint !== undefined) context.fail(complaint);
  return array;
}

/** numpy 1 and numpy 2 spell the same functions under two module names. */
export const numpyConstructors: readonly (readonly [string, PickleConstructor])[] = [
  ["numpy dtype", dtypeFrom],
  ...["numpy.core", "numpy._core"].flatMap((core): [string, PickleConstructor][] => [
    [`${core}.multiarray _reconstruct`, arrayFrom],
    [`${core}.multiarray scalar`, scalarFrom],
    [`${core}.numeric _frombuffer`, fromBuffer],
  ]),
];
