import { describe, expect, it } from "vitest";
import { NumpyArray, type NumpyDType, NumpyScalar, unpickle } from "../../src/pickle/index.ts";
import {
  build,
  bytes,
  type Code,
  call,
  global,
  int,
  list,
  no,
  none,
  pickle,
  str,
  tuple,
  yes,
} from "./assemble.ts";

const read = (code: Code): unknown => unpickle(pickle(code), { file: "a.pkl" }).value;

const dtype = (descr: string, order = "<"): Code =>
  build(
    call(global("numpy", "dtype"), str(descr), no, yes),
    tuple(int(3), str(order), none, none, none, int(-1), int(-1), int(0)),
  );

const array = (core: string, shape: Code, type: Code, data: Code): Code =>
  build(
    call(
      global(`${core}.multiarray`, "_reconstruct"),
      global("numpy", "ndarray"),
      tuple(int(0)),
      bytes([98]),
    ),
    tuple(int(1), shape, type, no, data),
  );

describe.each(["numpy.core", "numpy._core"])("numpy values of %s", (core) => {
  it("are arrays with their bytes as they lie", () => {
    const value = read(
      array(core, tuple(int(2), int(2)), dtype("u2"), bytes([1, 0, 2, 0, 3, 0, 4, 0])),
    ) as NumpyArray;
    expect(value).toBeInstanceOf(NumpyArray);
    expect([...value.shape]).toEqual([2, 2]);
    expect(value.dtype?.descr).toBe("u2");
    expect([...value.bytes]).toEqual([1, 0, 2, 0, 3, 0, 4, 0]);
  });

  it("refuse an array whose bytes do not fill its shape", () => {
    expect(() => read(array(core, tuple(int(3)), dtype("f4"), bytes([1, 2, 3, 4])))).toThrow(
      "3 × 4 bytes has 4",
    );
    expect(() => read(array(core, tuple(int(2)), dtype("O8"), list(none)))).toThrow("2 objects has 1");
    expect(() => read(array(core, tuple(int(-1)), dtype("f4"), bytes([])))).toThrow("counts");
  });

  it("keep objects of object arrays", () => {
    const value = read(array(core, tuple(int(2)), dtype("O8"), list(none, str("x")))) as NumpyArray;
    expect(value.objects).toEqual([null, "x"]);
  });

  it.each([
    ["f8", "<", [0, 0, 0, 0, 0, 0, 4, 64], 2.5],
    ["f8", ">", [64, 4, 0, 0, 0, 0, 0, 0], 2.5],
    ["f4", "<", [0, 0, 32, 64], 2.5],
    ["i8", "<", [254, 255, 255, 255, 255, 255, 255, 255], -2],
    ["u8", "<", [255, 255, 255, 255, 255, 255, 255, 255], 18446744073709551615n],
    ["i4", "<", [254, 255, 255, 255], -2],
    ["u4", "<", [254, 255, 255, 255], 4294967294],
    ["i2", "<", [254, 255], -2],
    ["u2", "<", [254, 255], 65534],
    ["i1", "|", [254], -2],
    ["u1", "|", [254], 254],
    ["b1", "|", [1], true],
    ["c8", "<", [0, 0, 0, 0, 0, 0, 0, 0], undefined],
  ] as [string, string, number[], unknown][])(
    "are scalars with a value: %s %s",
    (descr, order, data, value) => {
      const scalar = read(call(global(`${core}.multiarray`, "scalar"), dtype(descr, order), bytes(data)));
      expect(scalar).toBeInstanceOf(NumpyScalar);
      expect((scalar as NumpyScalar).value).toBe(value);
    },
  );

  it("refuse a scalar of the wrong size", () => {
    expect(() => read(call(global(`${core}.multiarray`, "scalar"), dtype("f8"), bytes([1])))).toThrow(
      "8 bytes has 1",
    );
  });

  it("read buffers that protocol 5 keeps in band", () => {
    const value = read(
      call(
        global(`${core}.numeric`, "_frombuffer"),
        bytes([1, 2]),
        dtype("u1", "|"),
        tuple(int(2)),
        str("C"),
      ),
    );
    expect([...(value as NumpyArray).bytes]).toEqual([1, 2]);
  });
});

describe("numpy dtypes", () => {
  it("know the size of an element", () => {
    const sizes = ["f8", "U3", "S5", "O8", "?"].map(
      (descr) => (read(dtype(descr)) as NumpyDType).elementBytes,
    );
    expect(sizes).toEqual([8, 12, 5, undefined, 1]);
  });

  it("refuse a type string that is none, and a state that does not fit", () => {
    expect(() => read(call(global("numpy", "dtype"), str("f8; import os"), no, yes))).toThrow(
      "takes a type string",
    );
    expect(() => read(build(call(global("numpy", "dtype"), str("f8"), no, yes), tuple(int(3))))).toThrow(
      "8 items",
    );
    expect(() => read(build(call(global("numpy", "dtype"), str("f8"), no, yes), none))).toThrow("8 items");
  });
});
