import { expect } from "vitest";
import { done, finds, type VerbCase } from "./verb-case.ts";
import { adapter, loraConfig, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has __proto__ in adapter_config.json",
  async lay(root) {
    return pair(
      root,
      adapter(`{"__proto__":{"polluted":true,"r":64},${JSON.stringify(loraConfig).slice(1)}`),
    );
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_UNKNOWN_KEYS"),
    verify: done(),
    split: done(),
    merge: done(({ report }) =>
      expect(report).toMatchObject({ adapters: [{ scaling: { "model.layers.0.self_attn.q_proj": 2 } }] }),
    ),
    convert: done(),
  },
};
export default hostile;
