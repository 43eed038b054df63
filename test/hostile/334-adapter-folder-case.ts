import { done, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair, under } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has adapters in folders whose names differ only in case",
  async lay(root) {
    return pair(root, { ...under("Task", adapter()), ...under("task", adapter()) });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: refused("TENON_OUTPUT_NAME_COLLISION", 1),
    merge: refused("TENON_ADAPTER_WANTED", 2),
    convert: refused("TENON_OUTPUT_NAME_COLLISION", 1),
  },
};
export default hostile;
