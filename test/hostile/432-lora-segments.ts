import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a module path of a hundred thousand segments",
  async lay(root) {
    const path = `base_model.model.${"a.".repeat(100_000)}q_proj`;
    return pair(
      root,
      adapter(
        { modules_to_save: ["b"] },
        { [`${path}.lora_A.weight`]: [2, 8], [`${path}.lora_B.weight`]: [8, 2] },
      ),
    );
  },
  answers: refusedBy("TENON_NAMES_TOO_LONG"),
};
export default hostile;
