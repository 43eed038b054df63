import { certified } from "./tenon-victim.ts";
import { done, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "has __proto__ among the scalings of certificate.json",
  async lay(root) {
    return certified(root, (certificate) =>
      JSON.stringify(certificate).replace('"scaling":{', '"scaling":{"__proto__":2,'),
    );
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: refused("TENON_MERGE_NOTHING", 1),
    convert: refused("TENON_LAYOUT_NEEDS_ADAPTER", 1),
  },
};
export default hostile;
