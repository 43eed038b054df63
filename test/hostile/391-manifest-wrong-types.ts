import { whole } from "./tenon-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "has a hundred thousand values of the wrong type in tenon.json",
  async lay(root) {
    return whole(root, (manifest) => {
      manifest.components.base.files = Array.from({ length: 100_000 }, () => 7);
    });
  },
  answers: refusedBy("TENON_MANIFEST_MALFORMED"),
};
export default hostile;
