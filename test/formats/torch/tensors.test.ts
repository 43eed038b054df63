import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ByteSource } from "../../../src/bytes/index.ts";
import type { Observation } from "../../../src/core/index.ts";
import { openTorch, stateDictsIn, tensorsIn } from "../../../src/formats/index.ts";
import type { PickleMap } from "../../../src/pickle/index.ts";
import { bytesOf, sourceOf } from "../../contract/format.contract.ts";
import {
  type Code,
  call,
  dict,
  get,
  global,
  int,
  list,
  none,
  persistent,
  put,
  record,
  str,
  tuple,
  yes,
} from "../../pickle/assemble.ts";
import { archive, f32, messageOf, storage, tensor, type View } from "./archive.ts";

const open = async (object: Code, storages: Record<string, Uint8Array> = {}, byteOrder = "little") =>
  openTorch(await sourceOf(archive({ object, storages, byteOrder }), "a.pt"));

const float = (key: string, numel: number): Code => storage("FloatStorage", key, numel);
const plain = (key: string, numel: number): Code =>
  tensor({ storage: float(key, numel), size: [numel], stride: [1] });

describe("element types", () => {
  it.each([
    ["DoubleStorage", 8, "F64"],
    ["FloatStorage", 4, "F32"],
    ["HalfStorage", 2, "F16"],
    ["BFloat16Storage", 2, "BF16"],
    ["LongStorage", 8, "I64"],
    ["IntStorage", 4, "I32"],
    ["ShortStorage", 2, "I16"],
    ["CharStorage", 1, "I8"],
    ["ByteStorage", 1, "U8"],
    ["BoolStorage", 1, "BOOL"],
    ["ComplexFloatStorage", 8, "C64"],
  ] as [string, number, string][])("of %s have %i bytes and are %s", async (type, width, dtype) => {
    const bytes = Uint8Array.from({ length: 3 * width }, (_, at) => at);
    const { tensors } = await open(
      record({ w: tensor({ storage: storage(type, "0", 3), size: [3], stride: [1] }) }),
      { "0": bytes },
    );
    expect(tensors[0]).toMatchObject({ name: "w", dtype, shape: [3], byteLength: 3 * width });
    expect(await bytesOf(tensors[0]!)).toEqual(bytes);
  });

  it.each([
    ["float8_e4m3fn", 1, "F8_E4M3"],
    ["float8_e5m2", 1, "F8_E5M2"],
    ["float8_e4m3fnuz", 1, "F8_E4M3FNUZ"],
    ["float8_e5m2fnuz", 1, "F8_E5M2FNUZ"],
    ["float8_e8m0fnu", 1, "F8_E8M0"],
    ["uint16", 2, "U16"],
    ["uint32", 4, "U32"],
    ["uint64", 8, "U64"],
  ] as [string, number, string][])(
    "without a storage class of their own: %s of %i bytes is %s",
    async (name, width, dtype) => {
      const bytes = Uint8Array.from({ length: 4 * width }, (_, at) => at);
      const view = {
        storage: storage("torch.storage UntypedStorage", "0", 4 * width),
        offset: 1,
        size: [3],
        stride: [1],
        dtype: name,
      };
      const { tensors } = await open(record({ w: tensor(view) }), { "0": bytes });
      expect(tensors[0]).toMatchObject({ dtype, shape: [3], byteLength: 3 * width });
      expect(await bytesOf(tensors[0]!)).toEqual(bytes.subarray(width));
    },
  );

  it.each(["complex128", "complex32", "qint8", "quint4x2", "bits8", "uint3", "float4_e2m1fn_x2"])(
    "that safetensors lacks are refused by name: %s",
    async (dtype) => {
      const view = {
        storage: storage("torch.storage UntypedStorage", "0", 16),
        size: [1],
        stride: [1],
        dtype,
      };
      const opening = open(record({ w: tensor(view) }), { "0": new Uint8Array(16) });
      expect(await messageOf(opening)).toBe(
        `TENON_TORCH_TENSOR_UNSUPPORTED torch: tensor "w" has dtype torch.${dtype}, which is not read (a.pt)`,
      );
    },
  );

  it("that torch does not have are errors", async () => {
    const view = {
      storage: storage("torch.storage UntypedStorage", "0", 16),
      size: [1],
      stride: [1],
      dtype: "float7",
    };
    expect(await messageOf(open(record({ w: tensor(view) }), { "0": new Uint8Array(16) }))).toContain(
      "TENON_PICKLE_CONSTRUCTOR",
    );
    expect(
      await messageOf(
        open(record({ w: tensor({ storage: storage("WideStorage", "0", 1), size: [1], stride: [1] }) })),
      ),
    ).toContain("TENON_TORCH_STORAGE_TYPE");
  });

  it("are swapped in big-endian files, complex ones by halves", async () => {
    const object = record({
      f: tensor({ storage: float("0", 2), size: [2], stride: [1] }),
      c: tensor({ storage: storage("ComplexFloatStorage", "1", 1), size: [1], stride: [1] }),
      b: tensor({ storage: storage("ByteStorage", "2", 2), size: [2], stride: [1] }),
      t: tensor({ storage: storage("ShortStorage", "3", 4), size: [2, 2], stride: [1, 2] }),
    });
    const storages = {
      "0": Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      "1": Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      "2": Uint8Array.of(1, 2),
      "3": Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    };
    const { tensors } = await open(object, storages, "big");
    const [f, c, b, t] = await Promise.all(tensors.map(bytesOf));
    expect([...f!]).toEqual([4, 3, 2, 1, 8, 7, 6, 5]);
    expect([...c!]).toEqual([4, 3, 2, 1, 8, 7, 6, 5]);
    expect([...b!]).toEqual([1, 2]);
    expect([...t!]).toEqual([2, 1, 6, 5, 4, 3, 8, 7]);
    const part = new Uint8Array(3);
    await tensors[0]!.read(3, part);
    expect([...part]).toEqual([1, 8, 7]);
  });
});

describe("views", () => {
  it("give the elements that strides pick, whole and in any part", async () => {
    const axis = fc.record({ size: fc.integer({ min: 0, max: 5 }), stride: fc.integer({ min: 0, max: 9 }) });
    const view = fc.record({
      axes: fc.array(axis, { maxLength: 4 }),
      offset: fc.nat({ max: 5 }),
      width: fc.constantFrom(1, 2, 8),
    });
    const property = fc.asyncProperty(view, fc.nat(), fc.nat(), async ({ axes, offset, width }, a, b) => {
      const type = width === 1 ? "ByteStorage" : width === 2 ? "ShortStorage" : "LongStorage";
      const size = axes.map(({ size }) => size);
      const stride = axes.map(({ stride }) => stride);
      const numel =
        offset + 1 + axes.reduce((sum, { size, stride }) => sum + Math.max(0, size - 1) * stride, 0);
      const bytes = Uint8Array.from({ length: numel * width }, (_, at) => (at * 31 + (at >> 8)) % 256);
      const { tensors } = await open(
        record({ w: tensor({ storage: storage(type, "0", numel), offset, size, stride }) }),
        { "0": bytes },
      );
      const expected = elements(size, stride, offset).flatMap((at) => [
        ...bytes.subarray(at * width, (at + 1) * width),
      ]);
      expect([...(await bytesOf(tensors[0]!))]).toEqual(expected);
      const from = a % (expected.length + 1);
      const part = new Uint8Array(b % (expected.length - from + 1));
      await tensors[0]!.read(from, part);
      expect([...part]).toEqual(expected.slice(from, from + part.length));
    });
    await fc.assert(property, { numRuns: 400 });
  });

  it("that are large read in windows, never the whole storage at once", async () => {
    // A transposed 2000 × 1500 matrix of int16: 6 MB.
    const [rows, cols] = [2000, 1500];
    const values = new Int16Array(rows * cols).map((_, at) => at % 32_749);
    const source = await sourceOf(
      archive({
        object: record({
          t: tensor({
            storage: storage("ShortStorage", "0", rows * cols),
            size: [cols, rows],
            stride: [1, cols],
          }),
        }),
        storages: { "0": new Uint8Array(values.buffer) },
      }),
    );
    let largest = 0;
    const counting: ByteSource = {
      path: source.path,
      location: source.location,
      byteLength: source.byteLength,
      close: () => source.close(),
      read: (at, into, signal) => {
        largest = Math.max(largest, into.byteLength);
        return source.read(at, into, signal);
      },
    };
    const { tensors } = await openTorch(counting);
    const part = new Uint8Array(2 * rows * 3);
    await tensors[0]!.read(2 * rows * 700, part);
    const found = new Int16Array(part.buffer);
    for (let at = 0; at < found.length; at++)
      expect(found[at]).toBe(values[(at % rows) * cols + 700 + Math.floor(at / rows)]);
    expect(largest).toBeLessThanOrEqual(1024 * 1024);
  });

  it("are refused with what they reach when that is outside", async () => {
    const reach = (view: Omit<View, "storage">) =>
      messageOf(
        open(record({ w: tensor({ storage: float("0", 6), ...view }) }), { "0": new Uint8Array(24) }),
      );
    expect(await reach({ size: [2, 3], stride: [3, 1] })).toBe("no error");
    expect(await reach({ offset: 1, size: [2, 3], stride: [3, 1] })).toContain(
      'tensor "w" is a view [2, 3] with strides [3, 1] at offset 1 that reaches element 6 of a storage with 6',
    );
    expect(await reach({ offset: 6, size: [], stride: [] })).toContain("reaches element 6");
    expect(await reach({ offset: 100, size: [0], stride: [1] })).toBe("no error");
    expect(await reach({ offset: -1, size: [1], stride: [1] })).toContain("has -1 as its offset");
    expect(await reach({ size: [-1], stride: [1] })).toContain("has -1 as a size or stride");
    expect(await reach({ size: [2], stride: [-1] })).toContain("has -1 as a size or stride");
    expect(await reach({ size: [2n ** 60n], stride: [0] })).toContain("1152921504606846976");
    expect(await reach({ size: [2 ** 30, 2 ** 30], stride: [0, 0] })).toContain("more than can be addressed");
    expect(await reach({ size: [2], stride: [2n ** 52n] })).toContain("reaches element 4503599627370496");
    expect(await reach({ size: [1, 2], stride: [1] })).toContain("do not belong together");
    expect(await reach({ size: Array(65).fill(1), stride: Array(65).fill(1) })).toContain("65 dimensions");
  });

  it("that expand few bytes to many are capped, all together", async () => {
    const view = (size: number): Code => tensor({ storage: float("0", 1), size: [size], stride: [0] });
    const bytes = { "0": f32(7) };
    const small = await open(record({ w: view(1000) }), bytes);
    expect(new Float32Array((await bytesOf(small.tensors[0]!)).buffer).every((value) => value === 7)).toBe(
      true,
    );
    expect(await messageOf(open(record({ w: view(2 ** 29) }), bytes))).toContain(
      "expands 4 bytes to 2147483648; the views of one file may add at most 1073741824",
    );
    expect(
      await messageOf(open(record({ a: view(2 ** 27), b: view(2 ** 27), c: view(2 ** 27) }), bytes)),
    ).toContain('tensor "c"');
  });
});

describe("storages", () => {
  it("that the archive lacks are named with the tensor that needs them", async () => {
    expect(await messageOf(open(record({ w: plain("7", 2) })))).toBe(
      'TENON_TORCH_TENSOR_DAMAGED torch: tensor "w" needs storage 7, which the archive lacks (truncated save?) (a.pt)',
    );
  });

  it("of another size are refused with both sizes", async () => {
    expect(await messageOf(open(record({ w: plain("0", 2) }), { "0": f32(1) }))).toContain(
      "with 8 bytes, the archive has 4",
    );
  });

  it("on the meta device have no bytes", async () => {
    const meta = tensor({ storage: storage("FloatStorage", "0", 2, "meta"), size: [2], stride: [1] });
    expect(await messageOf(open(record({ w: meta })))).toContain("is on the meta device");
  });

  it("on a GPU are read like any other", async () => {
    const cuda = tensor({ storage: storage("FloatStorage", "0", 1, "cuda:3"), size: [1], stride: [1] });
    expect(await bytesOf((await open(record({ w: cuda }), { "0": f32(5) })).tensors[0]!)).toEqual(f32(5));
  });

  it("read with two types or two sizes are refused with both", async () => {
    const bytes = { "0": new Uint8Array(8) };
    const ints = tensor({ storage: storage("IntStorage", "0", 2), size: [2], stride: [1] });
    expect(await messageOf(open(record({ a: plain("0", 2), b: ints }), bytes))).toContain(
      "reads storage 0 as 2 × torch.int32 and as 2 × torch.float32",
    );
    expect(await messageOf(open(record({ a: plain("0", 2), b: plain("0", 1) }), bytes))).toContain(
      "TENON_TORCH_PERSISTENT_ID",
    );
    const untyped = (dtype: string): Code =>
      tensor({ storage: storage("torch.storage UntypedStorage", "0", 8), size: [1], stride: [1], dtype });
    expect(
      await messageOf(open(record({ a: untyped("uint16"), b: untyped("float8_e5m2") }), bytes)),
    ).toContain("torch.uint16 and torch.float8_e5m2");
  });

  it("shared exactly tie their tensors, and no others", async () => {
    const view = (offset: number, size: number[], stride: number[]): Code =>
      tensor({ storage: float("0", 12), offset, size, stride });
    const { tensors } = await open(
      record({
        a: view(0, [2, 3], [3, 1]),
        b: view(0, [2, 3], [3, 1]),
        offset: view(6, [2, 3], [3, 1]),
        shape: view(0, [3, 2], [2, 1]),
        one: view(0, [1, 6], [99, 1]),
        same: view(0, [1, 6], [6, 1]),
        empty: view(0, [0], [1]),
      }),
      { "0": new Uint8Array(48) },
    );
    const [a, b, offset, shape, one, same, empty] = tensors.map((each) => each.storage);
    expect(a).toBe(b);
    expect(one).toBe(same);
    expect(new Set([a, offset, shape, one]).size).toBe(4);
    expect(empty).toBeUndefined();
    expect(new Set(tensors.map(({ id }) => id)).size).toBe(7);
  });

  it("named by anything but a storage tuple are refused", async () => {
    const bad = (...items: Code[]) =>
      messageOf(open(record({ w: tensor({ storage: persistent(tuple(...items)), size: [], stride: [] }) })));
    expect(await bad(str("storage"))).toContain("TENON_TORCH_PERSISTENT_ID");
    expect(await bad(str("module"), none, none, none)).toContain("TENON_TORCH_MODULE_SOURCE");
    expect(await bad(str("storage"), global("torch", "FloatStorage"), int(0), str("cpu"), int(1))).toContain(
      "as its key",
    );
    expect(await bad(str("storage"), global("torch", "FloatStorage"), str("0"), none, int(1))).toContain(
      "as its location",
    );
    expect(
      await bad(str("storage"), global("torch", "FloatStorage"), str("0"), str("cpu"), int(-1)),
    ).toContain("-1 elements");
    expect(
      await bad(str("storage"), global("torch", "FloatStorage"), str("0"), str("cpu"), int(2n ** 52n)),
    ).toContain("TENON_TORCH_PERSISTENT_ID");
    expect(await bad(str("storage"), str("FloatStorage"), str("0"), str("cpu"), int(1))).toContain(
      "as its storage type",
    );
  });
});

describe("rebuilders", () => {
  const utils = (name: string): Code => global("torch._utils", name);
  const bytes = { "0": f32(1, 2) };

  it("of parameters and tensor subclasses give the tensor inside", async () => {
    const inner = plain("0", 2);
    const object = record({
      parameter: call(utils("_rebuild_parameter"), inner, yes, call(global("collections", "OrderedDict"))),
      state: call(utils("_rebuild_parameter_with_state"), inner, yes, none, record({ foo: int(1) })),
      subclass: call(
        global("torch._tensor", "_rebuild_from_type_v2"),
        utils("_rebuild_tensor_v2"),
        global("my", "Sub"),
        tuple(float("0", 2), int(0), tuple(int(2)), tuple(int(1)), yes, none),
        none,
      ),
      old: call(utils("_rebuild_tensor"), float("0", 2), int(0), tuple(int(2)), tuple(int(1))),
    });
    const { tensors } = await open(object, bytes);
    expect(tensors.map(({ name }) => name)).toEqual(["parameter", "state", "subclass", "old"]);
    for (const each of tensors) expect(await bytesOf(each)).toEqual(f32(1, 2));
  });

  it.each([
    ["_rebuild_sparse_tensor", "sparse"],
    ["_rebuild_qtensor", "quantized"],
    ["_rebuild_wrapper_subclass", "wrapper subclass"],
    ["_rebuild_meta_tensor_no_storage", "meta"],
    ["_rebuild_device_tensor_from_numpy", "numpy"],
    ["_rebuild_device_tensor_from_cpu_tensor", "another device"],
  ] as [string, string][])("of other kinds are refused by name: %s", async (name, what) => {
    expect(await messageOf(open(record({ w: call(utils(name), none) })))).toContain('tensor "w"');
    expect(await messageOf(open(record({ w: call(utils(name), none) })))).toContain(what);
  });

  it("of DTensors are refused: one shard is not the tensor", async () => {
    const dtensor = call(
      global("torch._tensor", "_rebuild_from_type_v2"),
      utils("_rebuild_tensor_v2"),
      global("torch.distributed.tensor", "DTensor"),
      tuple(),
      none,
    );
    expect(await messageOf(open(record({ w: dtensor })))).toContain("is a DTensor");
  });

  it("of lazily conjugated views are refused", async () => {
    const conj = call(
      utils("_rebuild_tensor_v2"),
      float("0", 2),
      int(0),
      tuple(int(2)),
      tuple(int(1)),
      yes,
      none,
      record({ conj: yes }),
    );
    expect(await messageOf(open(record({ w: conj }), bytes))).toContain("conjugated");
  });

  it("around anything but a storage are malformed", async () => {
    expect(
      await messageOf(open(record({ w: call(utils("_rebuild_tensor_v2"), none, int(0), tuple(), tuple()) }))),
    ).toContain("TENON_PICKLE_CONSTRUCTOR");
    expect(await messageOf(open(record({ w: call(utils("_rebuild_parameter"), none) })))).toContain(
      "TENON_PICKLE_CONSTRUCTOR",
    );
    const loop = call(
      global("torch._tensor", "_rebuild_from_type_v2"),
      global("my", "thing"),
      global("my", "Sub"),
      tuple(),
      none,
    );
    expect(await messageOf(open(record({ w: loop })))).toContain("TENON_PICKLE_CONSTRUCTOR");
  });
});

describe("the object", () => {
  const bytes = { "0": f32(1), "1": f32(2), "2": f32(3) };

  it("lists its own tensors and those of well-known containers, by path", async () => {
    const object = record({
      state_dict: record({ "a.weight": plain("0", 1) }), epoch: int(3), bias: plain("1", 1),
      optimizer: record({ state: dict([int(0), record({ exp_avg: plain("2", 1) })]) }),
    }); // biome-ignore format: one object
    const file = await open(object, bytes);
    expect(file.tensors.map(({ name }) => name)).toEqual(["bias", "state_dict.a.weight"]);
    const walk = { file: "a.pt" };
    expect(
      stateDictsIn(file.object, walk).map(({ container, tensors }) => [container, [...tensors.keys()]]),
    ).toEqual([
      [[], ["bias"]],
      [["state_dict"], ["a.weight"]],
    ]);
    expect(tensorsIn(file.object, walk).map(([path]) => path)).toEqual([
      ["state_dict", "a.weight"], ["bias"], ["optimizer", "state", 0, "exp_avg"],
    ]); // biome-ignore format: one list
    expect((file.object as PickleMap).get("epoch")).toBe(3);
    expect(file.globals).toContain("torch FloatStorage");
  });

  it("may be a tensor, a list, or anything: walking finds them", async () => {
    const bare = await open(plain("0", 1), bytes);
    expect(tensorsIn(bare.object, { file: "a.pt" })).toHaveLength(1);
    const listed = await open(list(plain("0", 1), none, tuple(plain("1", 1))), bytes);
    expect(tensorsIn(listed.object, { file: "a.pt" }).map(([path]) => path)).toEqual([[0], [2, 0]]);
    expect(listed.tensors).toEqual([]);
  });

  it("of an unknown class with tensors is refused by name, without tensors it is fine", async () => {
    const inside = call(global("my.models", "Net"), record({ w: plain("0", 1) }));
    expect(await messageOf(open(inside, bytes))).toContain("inside an object of my.models Net");
    expect(await messageOf(open(record({ model: inside }), bytes))).toContain('"model" holds tensors');
    expect(await messageOf(open(record({ w: plain("0", 1), q: inside }), bytes))).toContain(
      '"q" holds tensors',
    );
    const disguised = call(global("my.quant", "rebuild"), float("0", 1));
    expect(await messageOf(open(record({ w: plain("1", 1), q: disguised }), bytes))).toContain(
      "my.quant rebuild",
    );
    expect(
      (await open(record({ w: plain("0", 1), args: call(global("my", "Args"), int(1)) }), bytes)).tensors,
    ).toHaveLength(1);
  });

  it("with tensors that cannot be read still lists the others when damage is reported", async () => {
    const seen: Observation[] = [];
    const file = archive({ object: record({ a: plain("9", 1), b: plain("0", 1) }), storages: bytes });
    const { tensors } = await openTorch(await sourceOf(file), {
      report: (observation) => seen.push(observation),
    });
    expect(tensors.map(({ name }) => name)).toEqual(["b"]);
    expect(seen).toMatchObject([{ code: "TENON_TORCH_TENSOR_DAMAGED", names: ["a"] }]);
  });

  it("whose joined names clash is refused", async () => {
    expect(
      await messageOf(open(record({ "model.w": plain("0", 1), model: record({ w: plain("1", 1) }) }), bytes)),
    ).toContain("TENON_TORCH_DUPLICATE_NAME");
  });
});

describe("shared dicts", () => {
  it("that repeat a tensor without end are cut off", async () => {
    // Each list holds the one before twice: a million paths to one tensor.
    let code: Code = [...list(plain("0", 1)), ...put(0)];
    for (let n = 0; n < 20; n++) code = [...code, 0x5d, ...put(n + 1), 0x28, ...get(n), ...get(n), 0x65];
    const { object } = await open([0x28, ...code, 0x74], { "0": f32(1) });
    expect(() => tensorsIn(object, { file: "a.pt" })).toThrow(
      expect.objectContaining({ code: "TENON_TORCH_TOO_MANY_TENSORS" }),
    );
  });

  it("are looked for in one another three deep", async () => {
    const nested = (depth: number): Code =>
      depth === 0 ? record({ w: plain("0", 1) }) : record({ model: nested(depth - 1) });
    expect((await open(nested(3), { "0": f32(1) })).tensors.map(({ name }) => name)).toEqual([
      "model.model.model.w",
    ]);
    expect((await open(nested(4), { "0": f32(1) })).tensors).toEqual([]);
  });
});

function elements(size: readonly number[], stride: readonly number[], offset: number): number[] {
  if (size.length === 0) return [offset];
  return Array.from({ length: size[0] as number }, (_, at) =>
    elements(size.slice(1), stride.slice(1), offset + at * (stride[0] as number)),
  ).flat();
}
