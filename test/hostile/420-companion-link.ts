import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a tokenizer.json that is a symbolic link to /etc/passwd",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    await symlink("/etc/passwd", join(call.source, "tokenizer.json"));
    return call;
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("TENON_PATH_ESCAPES"),
    split: refused("TENON_PATH_ESCAPES"),
    merge: refused("TENON_PATH_ESCAPES"),
    convert: refused("TENON_PATH_ESCAPES"),
  },
};
export default hostile;
