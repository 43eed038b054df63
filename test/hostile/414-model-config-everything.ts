import { done, finds, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has an object for every value of config.json",
  async lay(root) {
    return alone(root, {
      ...stateDict("default"),
      "config.json": JSON.stringify(
        Object.fromEntries(
          [...Object.keys(modelConfig), "text_config", "quantization_config", "auto_map"].map((key) => [
            key,
            { [key]: {} },
          ]),
        ),
      ),
    });
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_TIE_STORED_TWICE"),
    verify: done(),
    split: done(),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
