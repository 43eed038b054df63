import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { dcpFiles } from "./saves-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a .metadata that is a symbolic link out of the directory",
  async lay(root) {
    const call = await alone(root, dcpFiles());
    await rename(join(call.source, ".metadata"), join(root, "secret"));
    await symlink(join(root, "secret"), join(call.source, ".metadata"));
    return call;
  },
  answers: refusedBy("TENON_PATH_ESCAPES"),
};
export default hostile;
