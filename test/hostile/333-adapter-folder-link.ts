import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, lay, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has an adapter's folder that is a symbolic link out of the directory",
  async lay(root) {
    await lay(join(root, "secret"), adapter());
    const call = await pair(root, { "README.md": "" });
    await symlink(join(root, "secret"), join(call.source, "stolen"));
    return call;
  },
  answers: refusedBy("TENON_LAYOUT_UNKNOWN", 4),
};
export default hostile;
