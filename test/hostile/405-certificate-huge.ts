import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { certified } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "has a certificate.json of 300 MB",
  async lay(root) {
    const call = await certified(root, () => undefined);
    await truncate(join(call.source, "certificate.json"), 300e6);
    return call;
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("TENON_DOCUMENT_TOO_LARGE"),
    split: done(),
    merge: refused("TENON_MERGE_NOTHING", 1),
    convert: refused("TENON_LAYOUT_NEEDS_ADAPTER", 1),
  },
};
export default hostile;
