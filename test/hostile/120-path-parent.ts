import { join } from "node:path";
import { localTree } from "../../src/bytes/node/index.ts";
import { put, scratch } from "../bytes/node/scratch.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "names a shard ../secret/key",
  refusal: "TENON_PATH_UNSAFE",
  async run() {
    await using root = await scratch();
    await put(root.path, "secret/key");
    await put(root.path, "tree/config.json", "{}");
    const tree = await localTree(join(root.path, "tree"));
    return await tree.open("../secret/key");
  },
};
export default hostile;
