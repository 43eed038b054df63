import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a list as config.json",
  async lay(root) {
    return alone(root, { ...stateDict("default"), "config.json": "[]" });
  },
  answers: refusedBy("TENON_JSON_NOT_AN_OBJECT"),
};
export default hostile;
