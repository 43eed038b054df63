import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "nests adapter_config.json ten thousand deep",
  async lay(root) {
    return pair(root, adapter(`{"peft_type":"LORA","x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`));
  },
  answers: refusedBy("TENON_JSON_TOO_DEEP"),
};
export default hostile;
