import { finds, refused, type VerbCase } from "./verb-case.ts";
import { alone, modelShapes, sharded, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names a directory as a shard in its index",
  async lay(root) {
    return alone(root, sharded("shards", { "shards/model.safetensors": weights(modelShapes) }));
  },
  answers: {
    inspect: refused("TENON_SHARD_MISSING"),
    diagnose: finds("TENON_SHARD_MISSING"),
    verify: finds("TENON_SHARD_MISSING"),
    split: refused("TENON_SHARD_MISSING"),
    merge: refused("TENON_SHARD_MISSING"),
    convert: refused("TENON_SHARD_MISSING"),
  },
};
export default hostile;
