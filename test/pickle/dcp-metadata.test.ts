import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  OpaqueObject,
  type PickleMap,
  type PickleRecord,
  PickleTuple,
  unpickle,
} from "../../src/pickle/index.ts";

// Written by torch 2.13: dcp.save({'model': {'w': arange(6.).reshape(2, 3), 'b': ones(3)}, 'step': 3,
// 'opt': {'lr': 0.1, 'l': [ones(2), 5]}}).
const bytes = readFileSync("test/fuzz/corpus/pickle/dcp-metadata");

describe("the metadata of torch's distributed checkpoints", () => {
  const { value, globals } = unpickle(bytes, { file: ".metadata" });
  const fields = (value as PickleRecord).fields;

  it("is made of classes on the allow-list alone", () => {
    const opaque: string[] = [];
    const look = (each: unknown): void => {
      if (each instanceof OpaqueObject) opaque.push(each.global);
      if (each instanceof Map) for (const part of [...each.keys(), ...each.values()]) look(part);
      else if (Array.isArray(each)) each.forEach(look);
      else if (each !== null && typeof each === "object" && "fields" in each)
        look((each as PickleRecord).fields);
    };
    look(value);
    expect(opaque).toEqual([]);
    expect(globals).toContain("torch.distributed.checkpoint.filesystem _StorageInfo");
  });

  it("has a record of each tensor: properties, size and chunks", () => {
    const entry = (fields.get("state_dict_metadata") as PickleMap).get("model.w") as PickleRecord;
    expect([...(entry.fields.get("size") as PickleTuple)]).toEqual([2, 3]);
    const properties = entry.fields.get("properties") as PickleRecord;
    expect(properties.state).toBeInstanceOf(PickleTuple);
    expect((properties.state as PickleTuple)[0]).toMatchObject({ global: "torch float32" });
    expect(properties.state).toHaveLength(5);
    const [chunk] = entry.fields.get("chunks") as [PickleRecord];
    expect([...(chunk.fields.get("offsets") as PickleTuple)]).toEqual([0, 0]);
  });

  it("has paths in which numbers are list positions, and places of the bytes", () => {
    const path = (fields.get("planner_data") as PickleMap).get("opt.l.0") as PickleTuple | undefined;
    expect(path && [...path]).toEqual(["opt", "l", 0]);
    const places = [...(fields.get("storage_data") as PickleMap)] as [PickleRecord, PickleRecord][];
    const found = places.find(([index]) => index.fields.get("fqn") === "model.w")?.[1];
    expect(found?.fields.get("relative_path")).toBe("__0_0.distcp");
    expect(found?.fields.get("length")).toBeGreaterThan(1000);
  });
});
