import { existsSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { done, type VerbCase } from "./verb-case.ts";
import { alone, lay, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "is to be written to a symbolic link by force",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    await lay(root, { "precious/x": "x" });
    await symlink(join(root, "precious"), join(root, "link"));
    return { ...call, output: join(root, "link"), force: true };
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(({ call }) => expect(existsSync(join(call.source, "../precious/x"))).toBe(true)),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
