import { whole } from "./tenon-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "calls an adapter ../../evil in tenon.json",
  async lay(root) {
    return whole(root, ({ components }) => {
      components.adapters[0].name = "../../evil";
    });
  },
  answers: refusedBy("TENON_PATH_UNSAFE"),
};
export default hostile;
