import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, loraShapes, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has base parameters in the adapter's own file, under names that mean one parameter",
  async lay(root) {
    return pair(
      root,
      adapter(
        {},
        {
          ...loraShapes,
          "base_model.model.lm_head.weight": [16, 8],
          "base_model.model.lm_head.base_layer.weight": [16, 8],
        },
      ),
    );
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_NAMES_NOT_IN_BASE"),
    verify: done(),
    split: refused("TENON_BASE_NAME_UNKNOWN", 1),
    merge: refused("TENON_BASE_NAME_UNKNOWN", 1),
    convert: refused("TENON_BASE_NAME_UNKNOWN", 1),
  },
};
export default hostile;
