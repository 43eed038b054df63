import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { done, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "calls its adapter __proto__",
  async lay(root) {
    return alone(root, stateDict("__proto__"));
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
