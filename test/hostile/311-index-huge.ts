import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, sharded } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has an index of 100 MB",
  async lay(root) {
    const call = await alone(root, sharded("a.safetensors"));
    await truncate(join(call.source, "model.safetensors.index.json"), 100e6);
    return call;
  },
  answers: refusedBy("TENON_DOCUMENT_TOO_LARGE"),
};
export default hostile;
