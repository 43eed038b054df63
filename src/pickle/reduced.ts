// What CPython's pickler and numpy call to make values again that protocol 2 has no opcodes for.
import { NumpyArray, type NumpyDType } from "./numpy.ts";
import { PickleGlobal, PickleRecord, PickleTuple, type PickleValue } from "./values.ts";

/** The call that makes the value, or undefined when it is none of these. */
export function reduced(value: PickleValue): PickleRecord | undefined {
  if (value instanceof Uint8Array) return bytesCall(value);
  if (value instanceof Set) return new PickleRecord("__builtin__ set", [[...value]]);
  if (value instanceof NumpyArray) return arrayCall(value);
  return undefined;
}

/** Lib/pickle.py save_bytes below protocol 3: text of one letter a byte, encoded again. */
function bytesCall(bytes: Uint8Array): PickleRecord {
  if (bytes.length === 0) return new PickleRecord("__builtin__ bytes", []);
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return new PickleRecord("_codecs encode", [text, "latin1"]);
}

// numpy/_core/src/multiarray/methods.c array_reduce: an empty array, then (1, shape, dtype, is_fortran, raw data).
function arrayCall({ shape, dtype, isFortranOrder, bytes, objects }: NumpyArray): PickleRecord {
  if (dtype === undefined || objects !== undefined)
    throw new TypeError("internal: an array of Python objects is not written to a pickle");
  const record = new PickleRecord("numpy._core.multiarray _reconstruct", [
    new PickleGlobal("numpy", "ndarray"),
    PickleTuple.ofValues([0]),
    new Uint8Array([0x62]),
  ]);
  record.state = PickleTuple.ofValues([
    1,
    PickleTuple.ofValues(shape),
    typeCall(dtype),
    isFortranOrder,
    bytes,
  ]);
  return record;
}

// numpy/_core/src/multiarray/descriptor.c arraydescr_reduce
function typeCall({ descr, byteOrder, isStructured }: NumpyDType): PickleRecord {
  if (isStructured) throw new TypeError("internal: a structured numpy type is not written to a pickle");
  const record = new PickleRecord("numpy dtype", [descr, false, true]);
  record.state = PickleTuple.ofValues([3, byteOrder, null, null, null, -1, -1, 0]);
  return record;
}
