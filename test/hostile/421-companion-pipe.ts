import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { done, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a tokenizer.json that is a named pipe",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    execFileSync("mkfifo", [join(call.source, "tokenizer.json")]);
    return call;
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(({ output }) => expect(existsSync(join(output, "base/tokenizer.json"))).toBe(false)),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
