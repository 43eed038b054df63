import { delta } from "./tenon-victim.ts";
import { done, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "stands on a share of another machine",
  async lay(root) {
    return delta(root, (manifest) => {
      manifest.components.base.reference.location = "//evil.example/share";
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
