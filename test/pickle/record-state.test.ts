import { describe, expect, it } from "vitest";
import { PickleMap, PickleRecord, type PickleValue, unpickle } from "../../src/pickle/index.ts";
import {
  build,
  type Code,
  call,
  get,
  global,
  int,
  list,
  mark,
  pickle,
  put,
  record,
  str,
} from "./assemble.ts";

const object = (state: Code): Code => build(call(global("argparse", "Namespace")), state);
const read = (code: Code): PickleValue => unpickle(pickle(code), { file: "p" }).value;

function records(value: PickleValue): PickleRecord[] {
  if (!Array.isArray(value)) throw new Error("no list");
  return value.map((item) => {
    if (!(item instanceof PickleRecord)) throw new Error("no record");
    return item;
  });
}

describe("the state of an object", () => {
  it("is found by name, and as a dict in its order", () => {
    const [one, other] = records(
      read(list(object(record({ b: int(1), a: int(2) })), object(record({ a: int(3) })))),
    );
    expect([one?.field("a"), one?.field("b"), one?.field("c"), other?.field("a")]).toEqual([
      2,
      1,
      undefined,
      3,
    ]);
    expect(Array.from(one?.state as PickleMap)).toEqual([
      ["b", 1],
      ["a", 2],
    ]);
    expect(one?.state).toBe(one?.state);
    expect(one?.fields.get("a")).toBe(2);
  });

  it("is told from one with the same names in another order", () => {
    const found = records(
      read(list(object(record({ a: int(1), b: int(2) })), object(record({ b: int(3), a: int(4) })))),
    );
    expect(found.map((each) => [each.field("a"), each.field("b")])).toEqual([
      [1, 2],
      [4, 3],
    ]);
  });

  it("may be gone back to: a dict that two objects share", () => {
    const shared = [...record({ a: int(1) }), ...put(0)];
    const found = records(read(list(object(shared), object(get(0)), object(get(0)))));
    expect(found.map((each) => each.field("a"))).toEqual([1, 1, 1]);
    expect(found[0]?.state).toBeInstanceOf(PickleMap);
  });

  it("takes what is put into the dict later", () => {
    const shared = [...record({ a: int(1) }), ...put(0)];
    const more = [...get(0), ...mark, ...str("b"), ...int(2), 0x75];
    const [first] = records((read(list(object(shared), more)) as PickleValue[]).slice(0, 1));
    expect([first?.field("a"), first?.field("b")]).toEqual([1, 2]);
  });

  it("is refused a second time", () => {
    expect(() => read(build(object(record({ a: int(1) })), record({ a: int(2) })))).toThrow(
      expect.objectContaining({ code: "TENON_PICKLE_MALFORMED" }),
    );
    expect(() => read(build(object(record({})), record({ a: int(2) })))).toThrow("twice");
  });

  it("that holds the object itself is a cycle", () => {
    const self = [...call(global("argparse", "Namespace")), ...put(0)];
    expect(() => read([...self, ...record({ me: get(0) }), 0x62])).toThrow(
      expect.objectContaining({ code: "TENON_PICKLE_CYCLE" }),
    );
  });
});
