import { whole } from "./tenon-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "lists a file of the base for an adapter in tenon.json",
  async lay(root) {
    return whole(root, ({ components }) => {
      components.adapters[0].files = components.base.files;
    });
  },
  answers: refusedBy("TENON_MANIFEST_MALFORMED"),
};
export default hostile;
