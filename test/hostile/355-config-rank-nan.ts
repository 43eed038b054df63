import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, configWith, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has r = NaN",
  async lay(root) {
    return pair(root, adapter(configWith("r", "NaN")));
  },
  answers: refusedBy("TENON_JSON_SYNTAX"),
};
export default hostile;
