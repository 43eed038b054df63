import { done, type VerbCase } from "./verb-case.ts";
import { adapter, model, modelConfig, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "leaves its targets to a model_type called __proto__",
  async lay(root) {
    return pair(
      root,
      adapter({ target_modules: null }),
      model({ "config.json": JSON.stringify({ ...modelConfig, model_type: "__proto__" }) }),
    );
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
