import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { localTree } from "../../src/bytes/node/index.ts";
import { put, scratch } from "../bytes/node/scratch.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "is a symbolic link out of its directory",
  refusal: "TENON_PATH_ESCAPES",
  async run() {
    await using root = await scratch();
    await put(root.path, "secret/key");
    await put(root.path, "tree/config.json", "{}");
    await symlink(join(root.path, "secret/key"), join(root.path, "tree/model.safetensors"));
    const tree = await localTree(join(root.path, "tree"));
    return await tree.open("model.safetensors");
  },
};
export default hostile;
