import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has an adapter_config.json of 100 MB",
  async lay(root) {
    const call = await pair(root, adapter());
    await truncate(join(call.source, "adapter_config.json"), 100e6);
    return call;
  },
  answers: refusedBy("TENON_DOCUMENT_TOO_LARGE"),
};
export default hostile;
