import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, lay, modelShapes, sharded, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names a shard that is a symbolic link out of the directory",
  async lay(root) {
    await lay(root, { "secret.safetensors": weights(modelShapes) });
    const call = await alone(root, sharded("model-00001-of-00001.safetensors"));
    await symlink(join(root, "secret.safetensors"), join(call.source, "model-00001-of-00001.safetensors"));
    return call;
  },
  answers: refusedBy("TENON_PATH_ESCAPES"),
};
export default hostile;
