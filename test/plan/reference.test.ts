import { describe, expect, it } from "vitest";
import { namedReference } from "../../src/plan/reference.ts";

const config = (name: unknown, revision: unknown = null): { config: never } => ({
  config: { base_model_name_or_path: name, revision } as never,
});
const locationOf = (...configs: { config: never }[]): string | undefined => namedReference(configs)?.location;

describe("the base that adapters name", () => {
  it("is a model of the hub or a path, as PEFT spells both", () => {
    expect(locationOf(config("org/model"))).toBe("hf://org/model");
    expect(locationOf(config("org/model", "main"))).toBe("hf://org/model@main");
    expect(locationOf(config("/data/models/a"))).toBe("/data/models/a");
    expect(locationOf(config("./models/a"))).toBe("./models/a");
    expect(locationOf(config("models/of/mine"))).toBe("models/of/mine");
  });

  it("is nothing where none is named, or several are", () => {
    expect(locationOf()).toBeUndefined();
    expect(locationOf(config(null))).toBeUndefined();
    expect(locationOf(config(""))).toBeUndefined();
    expect(locationOf(config("org/a"), config("org/b"))).toBeUndefined();
    expect(locationOf(config("org/a"), config(null))).toBeUndefined();
    expect(locationOf(config("org/a"), config("org/a"))).toBe("hf://org/a");
  });

  it("comes without digests: nobody has read it", () => {
    expect(namedReference([config("org/a")])?.digests.size).toBe(0);
  });
});
