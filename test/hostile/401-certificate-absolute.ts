import { certified } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "names /etc/passwd in certificate.json",
  async lay(root) {
    return certified(root, (certificate) => {
      certificate.files.push({ path: "/etc/passwd", bytes: 1, sha256: "0".repeat(64) });
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
