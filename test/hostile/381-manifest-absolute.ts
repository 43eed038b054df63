import { whole } from "./tenon-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "lists /etc/passwd in tenon.json",
  async lay(root) {
    return whole(root, ({ components }) => {
      components.base.files[0].path = "/etc/passwd";
    });
  },
  answers: refusedBy("TENON_PATH_UNSAFE"),
};
export default hostile;
