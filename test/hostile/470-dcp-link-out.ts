import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { dcpFiles } from "./saves-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a data file that is a symbolic link out of the directory",
  async lay(root) {
    const call = await alone(root, dcpFiles());
    await rename(join(call.source, "__0_0.distcp"), join(root, "secret"));
    await symlink(join(root, "secret"), join(call.source, "__0_0.distcp"));
    return call;
  },
  answers: {
    inspect: done(),
    split: refused("TENON_PATH_ESCAPES"),
    convert: refused("TENON_LAYOUT_NEEDS_ADAPTER", 1),
    verify: finds("TENON_PATH_ESCAPES"),
  },
};
export default hostile;
