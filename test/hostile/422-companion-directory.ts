import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { done, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a directory called tokenizer.json",
  async lay(root) {
    return alone(root, { ...stateDict("default"), "tokenizer.json/x": "x" });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: done(({ output }) => expect(existsSync(join(output, "tokenizer.json"))).toBe(false)),
    convert: done(),
  },
};
export default hostile;
