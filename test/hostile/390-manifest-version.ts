import { whole } from "./tenon-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "claims version 2 of the manifest",
  async lay(root) {
    return whole(root, (manifest) => {
      manifest.version = 2;
    });
  },
  answers: refusedBy("TENON_MANIFEST_VERSION", 4),
};
export default hostile;
