import { join } from "node:path";
import { directorySink } from "../../src/bytes/node/index.ts";
import { scratch } from "../bytes/node/scratch.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "has an adapter named ../../evil, to be written there",
  refusal: "TENON_PATH_UNSAFE",
  async run() {
    await using root = await scratch();
    await using sink = await directorySink(join(root.path, "a/out"));
    await sink.create("adapters/../../../evil/adapter_config.json", 2);
  },
};
export default hostile;
