import { join } from "node:path";
import { delta } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "stands on itself",
  async lay(root) {
    const call = await delta(root, (manifest) => {
      manifest.components.base.reference.location = join(root, "source");
    });
    return call;
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("TENON_BASE_CHAIN"),
    split: done(),
    merge: refused("TENON_BASE_CHAIN", 1),
    convert: done(),
  },
};
export default hostile;
