import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig, modelShapes, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names tensors __proto__ and constructor in its index",
  async lay(root) {
    const shapes = { ...modelShapes, constructor: [2], ["__proto__"]: [2] };
    const map = Object.keys(shapes).map(
      (name) => `${JSON.stringify(name)}:"model-00001-of-00001.safetensors"`,
    );
    return alone(root, {
      "config.json": JSON.stringify(modelConfig),
      "model.safetensors.index.json": `{"weight_map":{${map}}}`,
      "model-00001-of-00001.safetensors": weights(shapes),
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(({ output }) => expect(existsSync(join(output, "base/model.safetensors"))).toBe(true)),
    merge: refused("TENON_MERGE_NOTHING", 1),
    convert: refused("TENON_LAYOUT_NEEDS_ADAPTER", 1),
  },
};
export default hostile;
