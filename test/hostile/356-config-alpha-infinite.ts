import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, configWith, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has lora_alpha = Infinity",
  async lay(root) {
    return pair(root, adapter(configWith("lora_alpha", "Infinity")));
  },
  answers: refusedBy("TENON_JSON_SYNTAX"),
};
export default hostile;
