import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, configWith, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a million patterns in rank_pattern",
  async lay(root) {
    const patterns = Array.from({ length: 1_000_000 }, (_, at) => `"${at.toString(36)}":1`);
    return pair(root, adapter(configWith("rank_pattern", `{${patterns}}`)));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_UNREADABLE"),
    merge: refused("TENON_ADAPTER_CONFIG_FIELD"),
  },
};
export default hostile;
