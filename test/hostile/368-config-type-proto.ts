import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, model, modelConfig, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has the peft_type __proto__, and constructor as its model's type",
  async lay(root) {
    return pair(
      root,
      adapter({ peft_type: "__proto__" }),
      model({ "config.json": JSON.stringify({ ...modelConfig, model_type: "constructor" }) }),
    );
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_UNREADABLE"),
    verify: done(),
    split: done(),
    merge: refused("TENON_ADAPTER_TYPE", 4),
    convert: done(),
  },
};
export default hostile;
