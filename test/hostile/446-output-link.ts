import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "is to be written to a symbolic link",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    await mkdir(join(root, "precious"));
    await symlink(join(root, "precious"), join(root, "link"));
    return { ...call, output: join(root, "link") };
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: refused("TENON_OUTPUT_EXISTS", 5),
    merge: refused("TENON_OUTPUT_EXISTS", 5),
    convert: refused("TENON_OUTPUT_EXISTS", 5),
  },
};
export default hostile;
