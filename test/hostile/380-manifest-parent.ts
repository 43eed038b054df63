import { whole } from "./tenon-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { lay } from "./victim.ts";

const hostile: VerbCase = {
  attack: "lists ../secret in tenon.json",
  async lay(root) {
    await lay(root, { secret: "x" });
    return whole(root, ({ components }) => {
      components.base.files[0].path = "base/../../secret";
    });
  },
  answers: refusedBy("TENON_PATH_UNSAFE"),
};
export default hostile;
