import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { done, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "calls its adapter CON",
  async lay(root) {
    return alone(root, stateDict("CON"));
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(({ output }) => expect(readdirSync(join(output, "adapters"))).toEqual(["CON"])),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
