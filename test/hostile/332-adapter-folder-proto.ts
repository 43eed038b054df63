import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { done, type VerbCase } from "./verb-case.ts";
import { adapter, pair, under } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has an adapter in a folder called __proto__",
  async lay(root) {
    return pair(root, under("__proto__", adapter()));
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(({ output }) => expect(readdirSync(join(output, "adapters"))).toEqual(["__proto__"])),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
