import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  NumpyArray,
  NumpyDType,
  OpaqueObject,
  PickleFloat,
  PickleGlobal,
  PickleMap,
  PickleObject,
  PickleRecord,
  PickleTuple,
  type PickleValue,
  unpickle,
  writePickle,
} from "../../src/pickle/index.ts";

const again = (value: PickleValue): PickleValue =>
  unpickle(writePickle(value), { file: "written.pkl" }).value;

function array(): NumpyArray {
  const made = new NumpyArray();
  const dtype = new NumpyDType("u4");
  dtype.byteOrder = "<";
  made.fill([2], dtype, false, new Uint8Array([1, 0, 0, 0, 255, 255, 0, 0]));
  return made;
}

describe("a pickle that is written", () => {
  it("is read again as the same bytes, sets, arrays and records", () => {
    const letters = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(again(letters)).toEqual(letters);
    expect(again(new Uint8Array(0))).toEqual(new Uint8Array(0));
    expect(again(new Set([1, "a"]))).toEqual(new Set([1, "a"]));
    expect(again(array())).toEqual(array());
    const device = new PickleRecord("torch device", ["cpu"]);
    const read = again([device, device]) as PickleRecord[];
    expect(read[0]).toBe(read[1]);
    expect(read[0]).toMatchObject({ global: "torch device", args: ["cpu"] });
  });

  it("gives an object its state once, however often it is named", () => {
    const state = new PickleMap();
    state.set("offsets", PickleTuple.ofValues([0, 4]));
    const name = "torch.distributed.checkpoint.metadata ChunkStorageMetadata";
    const object = new PickleObject(name, new PickleTuple(), state);
    const [first, second] = again([object, object]) as PickleRecord[];
    expect(first).toBe(second);
    expect(first?.fields.get("offsets")).toEqual(PickleTuple.ofValues([0, 4]));
    const dict = new PickleMap("collections OrderedDict");
    dict.set("a", 1);
    const attributes = new PickleMap();
    attributes.set("_metadata", 7);
    dict.attributes = attributes;
    expect((again(dict) as PickleMap).attributes).toEqual(attributes);
  });

  it("tells whole floats from ints, which only the opcodes show", () => {
    expect([...writePickle(1)]).toEqual([0x80, 2, 0x4b, 1, 0x2e]);
    expect([...writePickle(new PickleFloat(1))]).toEqual([0x80, 2, 0x47, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x2e]);
    expect(again([new PickleFloat(-0), new PickleFloat(Number.NaN)])).toEqual([-0, Number.NaN]);
  });

  it("refuses what it would lose", () => {
    const listed = new PickleRecord("builtins list", []);
    listed.ownItems().push(1);
    const structured = new NumpyDType("V8");
    structured.isStructured = true;
    const odd = array();
    odd.dtype = structured;
    for (const value of [new OpaqueObject("a b", []), listed, odd, structured])
      expect(() => writePickle(value)).toThrow(TypeError);
  });

  it.runIf(hasPython())("is what CPython reads", () => {
    const value = new PickleMap();
    value.set("bytes", new Uint8Array([0, 127, 128, 255]));
    value.set("set", new Set([3]));
    value.set("float", new PickleFloat(2));
    value.set("class", new PickleGlobal("collections", "OrderedDict"));
    const code = "import pickle,sys; print(pickle.load(sys.stdin.buffer))";
    const printed = execFileSync("python3", ["-c", code], { input: writePickle(value), encoding: "utf8" });
    expect(printed.trim()).toBe(
      "{'bytes': b'\\x00\\x7f\\x80\\xff', 'set': {3}, 'float': 2.0, 'class': <class 'collections.OrderedDict'>}",
    );
  });
});

function hasPython(): boolean {
  try {
    execFileSync("python3", ["--version"]);
    return true;
  } catch {
    return false;
  }
}
