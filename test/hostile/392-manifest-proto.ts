import { whole } from "./tenon-victim.ts";
import { done, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "has __proto__ among the ties of tenon.json",
  async lay(root) {
    return whole(root, (manifest) =>
      JSON.stringify(manifest).replace(
        '"ties":{}',
        '"ties":{"__proto__":"lm_head.weight","constructor":"lm_head.weight"}',
      ),
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
