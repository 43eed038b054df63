import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { zeroFiles } from "./saves-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a worker's file that is a symbolic link out of the directory",
  async lay(root) {
    const call = await alone(root, zeroFiles());
    const path = join(call.source, "global_step7/zero_pp_rank_1_mp_rank_00_optim_states.pt");
    await rename(path, join(root, "secret.pt"));
    await symlink(join(root, "secret.pt"), path);
    return call;
  },
  answers: refusedBy("TENON_PATH_ESCAPES"),
};
export default hostile;
