import { describe, expect, it } from "vitest";
import { areHere, rootFolders, rootPaths } from "../../src/layouts/evidence.ts";

const files = ["a.json", "x/b", "x/y/c", "z/d"].map((path) => ({ path }));

describe("the top of a source", () => {
  it("has the files that are in no folder, and each folder once", () => {
    expect(rootPaths(files)).toEqual(["a.json"]);
    expect(rootFolders(files)).toEqual(["x", "z"]);
  });

  it("is put into words, at most three names of them", () => {
    expect(areHere(["a"])).toBe("a is here");
    expect(areHere(["a", "b", "c", "d", "e"])).toBe("a, b, c and 2 more are here");
  });
});
