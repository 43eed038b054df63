import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a list as adapter_config.json",
  async lay(root) {
    return pair(root, adapter("[1]"));
  },
  answers: refusedBy("TENON_JSON_NOT_AN_OBJECT"),
};
export default hostile;
