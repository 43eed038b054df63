import { delta } from "./tenon-victim.ts";
import { done, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "stands on an address in the network",
  async lay(root) {
    return delta(root, (manifest) => {
      manifest.components.base.reference.location = "http://127.0.0.1:9/model";
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: refused("TENON_MERGE_NEEDS_BASE", 1),
    convert: done(),
  },
};
export default hostile;
