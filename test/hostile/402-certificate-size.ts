import { certified } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "states absurd sizes in certificate.json",
  async lay(root) {
    return certified(root, (certificate) => {
      certificate.files[0].bytes = Number.MAX_SAFE_INTEGER;
      certificate.tensors[0].shape = [2 ** 40, 2 ** 12];
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
