import { describe, expect, it } from "vitest";
import { isTenonError } from "../../src/core/index.ts";
import {
  OpaqueObject,
  PickleGlobal,
  type PickleMap,
  PickleRecord,
  PickleTuple,
  unpickle,
} from "../../src/pickle/index.ts";
import {
  buildOp,
  bytes,
  type Code,
  call,
  dict,
  float,
  get,
  global,
  int,
  list,
  mark,
  none,
  persistent,
  pickle,
  proto,
  put,
  record,
  stackGlobal,
  stop,
  str,
  tuple,
  yes,
} from "./assemble.ts";

const read = (code: Code | Uint8Array, options: Partial<Parameters<typeof unpickle>[1]> = {}): unknown =>
  unpickle(code instanceof Uint8Array ? code : pickle(code), { file: "a.pkl", ...options }).value;

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (isTenonError(error)) return error.code;
    throw error;
  }
  return "no error";
};

// pickle.dumps of one value by CPython 3.11:
// {'a': [1, 2.5, None, True, False], 'b': (1, 2, 3, 4), 'c': b'\xff\x00', 's': {7}, 'big': 2**70, 'neg': -3, 'u': 'é',
//  'e': (), 'one': (1,), 't': 300, 'u2': 70000, 'nest': {'x': {}}, 7: 'int key', 'fs': frozenset([5]), 'ba': bytearray(b'ab')}
const written: Readonly<Record<number, string>> = {
  2: "80027d71002858010000006171015d7102284b014740040000000000004e8889655801000000627103284b014b024b034b047471045801000000637105635f636f646563730a656e636f64650a71065803000000c3bf00710758060000006c6174696e31710886710952710a580100000073710b635f5f6275696c74696e5f5f0a7365740a710c5d710d4b076185710e52710f580300000062696771108a0900000000000000004058030000006e656771114afdffffff58010000007571125802000000c3a9711358010000006571142958030000006f6e6571154b0185711658010000007471174d2c015802000000753271184a7011010058040000006e65737471197d711a580100000078711b7d711c734b075807000000696e74206b6579711d58020000006673711e635f5f6275696c74696e5f5f0a66726f7a656e7365740a711f5d71204b0561857121527122580200000062617123635f5f6275696c74696e5f5f0a6279746561727261790a712468065802000000616271256808867126527127857128527129752e",
  3: "80037d71002858010000006171015d7102284b014740040000000000004e8889655801000000627103284b014b024b034b0474710458010000006371054302ff0071065801000000737107636275696c74696e730a7365740a71085d71094b076185710a52710b5803000000626967710c8a0900000000000000004058030000006e6567710d4afdffffff580100000075710e5802000000c3a9710f58010000006571102958030000006f6e6571114b0185711258010000007471134d2c015802000000753271144a7011010058040000006e65737471157d711658010000007871177d7118734b075807000000696e74206b6579711958020000006673711a636275696c74696e730a66726f7a656e7365740a711b5d711c4b056185711d52711e58020000006261711f636275696c74696e730a6279746561727261790a7120430261627121857122527123752e",
  4: "800495cf000000000000007d94288c0161945d94284b014740040000000000004e8889658c016294284b014b024b034b0474948c0163944302ff00948c0173948f94284b07908c03626967948a090000000000000000408c036e6567944afdffffff8c0175948c02c3a9948c016594298c036f6e65944b0185948c0174944d2c018c027532944a701101008c046e657374947d948c0178947d94734b078c07696e74206b6579948c02667394284b0591948c026261948c086275696c74696e73948c09627974656172726179949394430261629485945294752e",
  5: "800595b9000000000000007d94288c0161945d94284b014740040000000000004e8889658c016294284b014b024b034b0474948c0163944302ff00948c0173948f94284b07908c03626967948a090000000000000000408c036e6567944afdffffff8c0175948c02c3a9948c016594298c036f6e65944b0185948c0174944d2c018c027532944a701101008c046e657374947d948c0178947d94734b078c07696e74206b6579948c02667394284b0591948c02626194960200000000000000616294752e",
};

describe("what CPython wrote", () => {
  it.each(Object.entries(written))("comes back the same from protocol %s", (protocol, hex) => {
    const run = unpickle(Buffer.from(hex, "hex"), { file: "a.pkl" });
    expect(run.protocol).toBe(Number(protocol));
    expect(run.byteLength).toBe(hex.length / 2);
    const value = run.value as PickleMap;
    expect([...value.keys()]).toEqual([
      "a",
      "b",
      "c",
      "s",
      "big",
      "neg",
      "u",
      "e",
      "one",
      "t",
      "u2",
      "nest",
      7,
      "fs",
      "ba",
    ]);
    expect(value.get("a")).toEqual([1, 2.5, null, true, false]);
    expect(value.get("b")).toBeInstanceOf(PickleTuple);
    expect([...(value.get("b") as PickleTuple)]).toEqual([1, 2, 3, 4]);
    expect([...(value.get("c") as Uint8Array)]).toEqual([255, 0]);
    expect(value.get("s")).toEqual(new Set([7]));
    expect(value.get("big")).toBe(2n ** 70n);
    expect(value.get("neg")).toBe(-3);
    expect(value.get("u")).toBe("é");
    expect(value.get("e")).toHaveLength(0);
    expect([value.get("t"), value.get("u2")]).toEqual([300, 70_000]);
    expect([...(value.get("nest") as PickleMap).keys()]).toEqual(["x"]);
    expect(value.get("fs")).toEqual(new Set([5]));
    expect(Buffer.from(value.get("ba") as Uint8Array).toString()).toBe("ab");
  });
});

describe("numbers", () => {
  it("become bigint exactly where a double would lose digits", () => {
    expect(read(int(9007199254740991n))).toBe(9007199254740991);
    expect(read(int(9007199254740992n))).toBe(9007199254740992n);
    expect(read(int(-9007199254740993n))).toBe(-9007199254740993n);
    expect(read([0x8a, 0])).toBe(0);
    expect(read([0x8a, 1, 0xff])).toBe(-1);
    expect(read([0x8b, 2, 0, 0, 0, 0, 1])).toBe(256);
  });

  it("keep every double, the odd ones too", () => {
    for (const value of [0, -0, 1e-310, Number.MAX_VALUE, Number.NaN, Number.NEGATIVE_INFINITY])
      expect(read(float(value))).toBe(value);
  });
});

describe("dicts", () => {
  it("take __proto__ as a key like any other", () => {
    const value = read(record({ __proto__x: none, constructor: int(1) })) as PickleMap;
    expect(value.get("constructor")).toBe(1);
    const hostile = read(dict([str("__proto__"), record({ polluted: yes })])) as PickleMap;
    expect((hostile.get("__proto__") as PickleMap).get("polluted")).toBe(true);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("refuse a key that is there twice, and keys that can change", () => {
    expect(codeOf(() => read(dict([str("a"), none], [str("a"), yes])))).toBe("TENON_PICKLE_MALFORMED");
    expect(codeOf(() => read(dict([list(int(1)), none])))).toBe("TENON_PICKLE_MALFORMED");
  });

  it("keep what BUILD sets on an OrderedDict apart from its entries", () => {
    const object = [...call(global("collections", "OrderedDict")), ...str("w"), ...int(1), 0x73];
    const value = read([...object, ...record({ _metadata: none }), ...buildOp]) as PickleMap;
    expect(value.className).toBe("collections OrderedDict");
    expect([...value.keys()]).toEqual(["w"]);
    expect((value.attributes as PickleMap).has("_metadata")).toBe(true);
  });
});

describe("objects", () => {
  it("of known classes are records with fields", () => {
    const scaler = global("deepspeed.runtime.fp16.loss_scaler", "LossScaler");
    const value = read([...scaler, 0x29, 0x81, ...record({ cur_scale: float(1), dynamic: yes }), ...buildOp]);
    expect(value).toBeInstanceOf(PickleRecord);
    expect(value).not.toBeInstanceOf(OpaqueObject);
    expect((value as PickleRecord).fields.get("dynamic")).toBe(true);
  });

  it("of enums carry their value", () => {
    const stage = read(
      call(global("deepspeed.runtime.zero.config", "ZeroStageEnum"), int(2)),
    ) as PickleRecord;
    expect(stage.args[0]).toBe(2);
  });

  it("of unknown classes are opaque, with arguments, keywords, state, items and entries", () => {
    const value = read([
      ...stackGlobal("my.lib", "Thing"), ...tuple(int(1)), ...record({ k: int(2) }), 0x92,
      ...int(3), 0x61, ...str("e"), ...int(4), 0x73, ...tuple(record({ a: int(5) }), record({ b: int(6) })), 0x62,
    ]) as OpaqueObject; // biome-ignore format: one object, part by part
    expect(value).toBeInstanceOf(OpaqueObject);
    expect(value.global).toBe("my.lib Thing");
    expect([...value.args]).toEqual([1]);
    expect(value.kwargs?.get("k")).toBe(2);
    expect(value.items).toEqual([3]);
    expect(value.entries.get("e")).toBe(4);
    expect([...value.fields]).toEqual([
      ["a", 5],
      ["b", 6],
    ]);
  });

  it("are classes by name only when they are not called", () => {
    expect(read(global("torch", "bfloat16"))).toEqual(new PickleGlobal("torch", "bfloat16"));
    expect((read(global("__builtin__", "set")) as PickleGlobal).global).toBe("builtins set");
  });

  it("shared in the file are one object here", () => {
    const pair = read(tuple([...list(int(1)), ...put(0)], get(0))) as PickleTuple;
    expect(pair[0]).toBe(pair[1]);
  });
});

describe("persistent ids", () => {
  it("go to the host, which decides what they stand for", () => {
    const seen: unknown[] = [];
    const value = read(persistent(tuple(str("storage"), int(1))), {
      persistentLoad: (id) => {
        seen.push([...(id as PickleTuple)]);
        return "loaded";
      },
    });
    expect(value).toBe("loaded");
    expect(seen).toEqual([["storage", 1]]);
  });

  it("are refused where there is no host", () => {
    expect(codeOf(() => read(persistent(str("x"))))).toBe("TENON_PICKLE_MALFORMED");
  });
});

describe("ends", () => {
  it("of a pickle may be followed by another one when asked for", () => {
    const two = Uint8Array.from([...pickle(int(1)), ...pickle(int(2))]);
    expect(codeOf(() => read(two))).toBe("TENON_PICKLE_TRAILING");
    const first = unpickle(two, { file: "a.pkl", allowTrailing: true });
    expect(first.value).toBe(1);
    expect(unpickle(two, { file: "a.pkl", byteOffset: first.byteLength }).value).toBe(2);
  });

  it("that come early are named with their byte, wherever they come", () => {
    const whole = Buffer.from(written[4] as string, "hex");
    for (let length = 0; length < whole.length; length++)
      expect(codeOf(() => read(whole.subarray(0, length)))).toBe("TENON_PICKLE_TRUNCATED");
    expect(() => read(whole.subarray(0, 30))).toThrow("pickle: ends early at byte 30");
  });

  it("with values left over are refused", () => {
    expect(codeOf(() => read([...int(1), ...int(2)]))).toBe("TENON_PICKLE_MALFORMED");
    expect(codeOf(() => read([...int(1), ...mark, ...int(2)]))).toBe("TENON_PICKLE_MALFORMED");
    expect(codeOf(() => read([]))).toBe("TENON_PICKLE_MALFORMED");
  });
});

describe("limits", () => {
  const limits = {
    operations: 100,
    containers: 20,
    stackValues: 30,
    depth: 10,
    integerBytes: 16,
    expandedValues: 1000,
    derivedBytes: 10,
  };
  it.each([
    [
      "opcodes",
      [
        ...list(),
        ...Array(60)
          .fill([...none, 0x61])
          .flat(),
      ],
    ],
    ["containers", tuple(...Array(21).fill([0x5d]))],
    ["stack values", tuple(...Array(40).fill(none))],
    ["open marks", [...Array(12).fill(0x28), ...Array(12).fill(0x74)]],
    [
      "nesting",
      Array(11)
        .fill(0)
        .reduce((inner: Code) => [...inner, 0x85], none),
    ],
    ["integers", [0x8b, 17, 0, 0, 0, ...Array(17).fill(1)]],
  ] as [string, Code][])("bound %s", (_what, code) => {
    expect(codeOf(() => read(code, { limits }))).toBe("TENON_PICKLE_LIMIT");
  });

  it("bound what sharing expands to", () => {
    // Each list holds the one before twice: 2^n values from 6n bytes.
    let code: Code = [...list(none), ...put(0)];
    for (let n = 0; n < 9; n++)
      code = [...code, ...put(n), 0x5d, ...put(n + 1), 0x28, ...get(n), ...get(n), 0x65];
    const nested = tuple(code).slice(0, -1);
    expect(
      codeOf(() => read([...nested, 0x74], { limits: { ...limits, operations: 1000, depth: 100 } })),
    ).toBe("TENON_PICKLE_LIMIT");
  });

  it("bound bytes made of few bytes", () => {
    const long = [...str("x".repeat(100)), ...put(0)];
    const again = call(global("_codecs", "encode"), get(0), str("latin1"));
    const code = tuple(long, ...Array(12).fill(again));
    expect(codeOf(() => read(code, { limits: { derivedBytes: 0 } }))).toBe("no error");
    const many = tuple(
      long,
      [...global("_codecs", "encode"), ...put(1)],
      [...tuple(get(0), str("latin1")), ...put(2)],
      ...Array(40).fill([...get(1), ...get(2), 0x52]),
    );
    expect(codeOf(() => read(many, { limits: { derivedBytes: 0 } }))).toBe("TENON_PICKLE_LIMIT");
  });
});

describe("text and bytes", () => {
  it("keep a byte order mark, and refuse what is not UTF-8", () => {
    expect(read(str("\ufeffa"))).toBe("\ufeffa");
    expect(codeOf(() => read([0x58, 1, 0, 0, 0, 0xff]))).toBe("TENON_PICKLE_TEXT");
  });

  it("are copies of the pickle's own", () => {
    const whole = pickle(bytes([1, 2, 3]));
    const value = read(whole) as Uint8Array;
    whole.fill(0);
    expect([...value]).toEqual([1, 2, 3]);
  });

  it("that python encodes come from latin1 and utf-8 only", () => {
    const encode = global("_codecs", "encode");
    expect([...(read(call(encode, str("\u00ff"), str("latin1"))) as Uint8Array)]).toEqual([255]);
    expect([...(read(call(encode, str("\u00ff"), str("utf-8"))) as Uint8Array)]).toEqual([0xc3, 0xbf]);
    expect(codeOf(() => read(call(encode, str("\u0100"), str("latin1"))))).toBe("TENON_PICKLE_CONSTRUCTOR");
    expect(codeOf(() => read(call(encode, str("a"), str("rot13"))))).toBe("TENON_PICKLE_CONSTRUCTOR");
    expect(codeOf(() => read(call(global("builtins", "bytearray"), int(1_000_000_000))))).toBe(
      "TENON_PICKLE_CONSTRUCTOR",
    );
  });
});

describe("protocols and opcodes", () => {
  it("beyond 5 are unknown", () => {
    expect(codeOf(() => read(pickle(none, 6)))).toBe("TENON_PICKLE_PROTOCOL");
    expect(codeOf(() => read([...none, ...proto(2)]))).toBe("TENON_PICKLE_MALFORMED");
    expect(read(Uint8Array.from([...none, ...stop]))).toBe(null);
  });

  it.each([
    ["POP", 0x30],
    ["POP_MARK", 0x31],
    ["DUP", 0x32],
    ["FLOAT", 0x46],
    ["INT", 0x49],
    ["LONG", 0x4c],
    ["PERSID", 0x50],
    ["STRING", 0x53],
    ["UNICODE", 0x56],
    ["DICT", 0x64],
    ["GET", 0x67],
    ["INST", 0x69],
    ["LIST", 0x6c],
    ["OBJ", 0x6f],
    ["PUT", 0x70],
    ["EXT1", 0x82],
    ["EXT2", 0x83],
    ["EXT4", 0x84],
    ["NEXT_BUFFER", 0x97],
    ["READONLY_BUFFER", 0x98],
  ] as [string, number][])("%s is refused by name", (name, opcode) => {
    // biome-ignore format: a table
    expect(() => read([...none, opcode])).toThrow(`opcode ${name} at byte 3 is not read`);
    expect(codeOf(() => read([...none, opcode]))).toBe("TENON_PICKLE_OPCODE");
  });

  it("that pickle does not have are malformed", () => {
    expect(() => read([0xff])).toThrow("0xff at byte 2 is not an opcode");
  });

  it("that lack their operands are malformed", () => {
    for (const opcode of [
      0x61, 0x62, 0x65, 0x73, 0x74, 0x75, 0x81, 0x85, 0x86, 0x87, 0x90, 0x91, 0x92, 0x93, 0x94, 0x52, 0x51,
    ])
      expect(
        codeOf(() => read([opcode])),
        String(opcode),
      ).toBe("TENON_PICKLE_MALFORMED");
  });
});
