import { finds, refused, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names a hundred thousand shards that are not there",
  async lay(root) {
    const map = Array.from({ length: 100_000 }, (_, at) => `"t${at}":"s${at}.safetensors"`);
    return alone(root, {
      "config.json": JSON.stringify(modelConfig),
      "model.safetensors.index.json": `{"weight_map":{${map}}}`,
    });
  },
  answers: {
    inspect: refused("TENON_WEIGHTS_TOO_MANY_FILES"),
    diagnose: finds("TENON_WEIGHTS_TOO_MANY_FILES"),
    merge: refused("TENON_WEIGHTS_TOO_MANY_FILES"),
  },
};
export default hostile;
