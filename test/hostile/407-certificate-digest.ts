import { certified } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "states another digest in certificate.json",
  async lay(root) {
    return certified(root, (certificate) => {
      certificate.tensors[0].digest = "xxh3-blocks:0000000000000000";
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("certificate-tensors"),
    split: done(),
    merge: refused("TENON_MERGE_NOTHING", 1),
    convert: refused("TENON_LAYOUT_NEEDS_ADAPTER", 1),
  },
};
export default hostile;
