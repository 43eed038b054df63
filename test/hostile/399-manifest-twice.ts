import { whole } from "./tenon-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "lists one adapter a second time in tenon.json",
  async lay(root) {
    return whole(root, ({ components }) => {
      components.adapters.push(components.adapters[0]);
    });
  },
  answers: refusedBy("TENON_MANIFEST_MALFORMED"),
};
export default hostile;
