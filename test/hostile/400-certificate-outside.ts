import { certified } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { lay } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names a file outside in certificate.json",
  async lay(root) {
    await lay(root, { secret: "x" });
    return certified(root, (certificate) => {
      certificate.files.push({ path: "../secret", bytes: 1 });
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("certificate-files"),
    split: done(),
    merge: refused("TENON_MERGE_NOTHING", 1),
    convert: refused("TENON_LAYOUT_NEEDS_ADAPTER", 1),
  },
};
export default hostile;
