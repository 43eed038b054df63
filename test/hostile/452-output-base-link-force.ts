import { existsSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { done, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has as the output a link to its base, by force",
  async lay(root) {
    const call = await pair(root, adapter());
    await symlink(call.base, join(root, "link"));
    return { ...call, output: join(root, "link"), force: true };
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: done(({ call }) => expect(existsSync(join(call.base ?? "", "model.safetensors"))).toBe(true)),
    convert: done(),
  },
};
export default hostile;
