import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, loraConfig, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has r twice in adapter_config.json",
  async lay(root) {
    return pair(root, adapter(`{"r":2,${JSON.stringify({ ...loraConfig, r: 64 }).slice(1)}`));
  },
  answers: refusedBy("TENON_JSON_DUPLICATE_KEY"),
};
export default hostile;
