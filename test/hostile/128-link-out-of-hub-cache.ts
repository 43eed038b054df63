import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { localTree } from "../../src/bytes/node/index.ts";
import { put, scratch } from "../bytes/node/scratch.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "is a link of a hub snapshot into another repository's directory",
  refusal: "TENON_PATH_ESCAPES",
  async run() {
    await using root = await scratch();
    await put(root.path, "secret/key");
    await put(root.path, "tree/config.json", "{}");
    await put(root.path, "tree/models--a--a/snapshots/r/config.json");
    await symlink("../../../../secret/key", join(root.path, "tree/models--a--a/snapshots/r/model.bin"));
    const tree = await localTree(join(root.path, "tree"));
    return await (await localTree(join(tree.location, "models--a--a/snapshots/r"))).open("model.bin");
  },
};
export default hostile;
