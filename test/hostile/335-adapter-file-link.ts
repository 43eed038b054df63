import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, lay, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has adapter weights that are a symbolic link to a file outside",
  async lay(root) {
    await lay(join(root, "secret"), adapter());
    const { "adapter_config.json": config = "" } = adapter();
    const call = await pair(root, { "adapter_config.json": config });
    await symlink(
      join(root, "secret/adapter_model.safetensors"),
      join(call.source, "adapter_model.safetensors"),
    );
    return call;
  },
  answers: refusedBy("TENON_PATH_ESCAPES"),
};
export default hostile;
