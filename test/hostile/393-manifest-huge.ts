import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { whole } from "./tenon-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "has a tenon.json of 100 MB",
  async lay(root) {
    const call = await whole(root, () => undefined);
    await truncate(join(call.source, "tenon.json"), 100e6);
    return call;
  },
  answers: refusedBy("TENON_DOCUMENT_TOO_LARGE"),
};
export default hostile;
