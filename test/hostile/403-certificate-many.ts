import { certified } from "./tenon-victim.ts";
import { done, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "has two hundred thousand tensors in certificate.json",
  async lay(root) {
    return certified(root, (certificate) => {
      certificate.tensors = Array.from({ length: 200_000 }, (_, at) => ({
        ...certificate.tensors[0],
        name: `t${at}`,
      }));
    });
  },
  answers: { inspect: done(), diagnose: done(), merge: refused("TENON_MERGE_NOTHING", 1) },
};
export default hostile;
