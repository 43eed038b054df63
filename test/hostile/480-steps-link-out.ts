import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, lay, modelShapes, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a newest step whose weights are a symbolic link out of the directory",
  async lay(root) {
    await lay(root, { "secret.safetensors": weights(modelShapes) });
    const call = await alone(root, {
      "checkpoint-5/trainer_state.json": "{}",
      "checkpoint-5/config.json": "{}",
    });
    await symlink(join(root, "secret.safetensors"), join(call.source, "checkpoint-5/model.safetensors"));
    return call;
  },
  answers: refusedBy("TENON_PATH_ESCAPES"),
};
export default hostile;
