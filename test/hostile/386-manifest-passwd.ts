import { delta } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "stands on /etc/passwd",
  async lay(root) {
    return delta(root, (manifest) => {
      manifest.components.base.reference.location = "/etc/passwd";
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("TENON_LAYOUT_UNKNOWN"),
    split: done(),
    merge: refused("TENON_LAYOUT_UNKNOWN", 4),
    convert: done(),
  },
};
export default hostile;
