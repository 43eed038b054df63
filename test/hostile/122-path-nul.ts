import { join } from "node:path";
import { localTree } from "../../src/bytes/node/index.ts";
import { put, scratch } from "../bytes/node/scratch.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "has a NUL in the name of a shard, where other programs stop reading",
  refusal: "TENON_PATH_UNSAFE",
  async run() {
    await using root = await scratch();
    await put(root.path, "secret/key");
    await put(root.path, "tree/config.json", "{}");
    const tree = await localTree(join(root.path, "tree"));
    return await tree.open("config.json\0.safetensors");
  },
};
export default hostile;
