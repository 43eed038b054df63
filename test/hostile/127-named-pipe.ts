import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { localTree } from "../../src/bytes/node/index.ts";
import { put, scratch } from "../bytes/node/scratch.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "is a named pipe that nobody writes to, to be waited for",
  refusal: "TENON_BYTES_OPEN",
  async run() {
    await using root = await scratch();
    await put(root.path, "secret/key");
    await put(root.path, "tree/config.json", "{}");
    execFileSync("mkfifo", [join(root.path, "tree/model.bin")]);
    const tree = await localTree(join(root.path, "tree"));
    return await tree.open("model.bin");
  },
};
export default hostile;
