import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { certified } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "has a certificate.json that is a symbolic link out of the directory",
  async lay(root) {
    const call = await certified(root, () => undefined);
    await rename(join(call.source, "certificate.json"), join(root, "certificate.json"));
    await symlink(join(root, "certificate.json"), join(call.source, "certificate.json"));
    return call;
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("TENON_PATH_ESCAPES"),
    split: done(),
    merge: refused("TENON_MERGE_NOTHING", 1),
    convert: refused("TENON_LAYOUT_NEEDS_ADAPTER", 1),
  },
};
export default hostile;
