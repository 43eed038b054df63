import { done, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has nested quantifiers in exclude_modules",
  async lay(root) {
    return pair(root, adapter({ exclude_modules: "((.*)*)*(x+x+)+y" }));
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
