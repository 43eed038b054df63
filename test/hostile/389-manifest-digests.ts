import { delta } from "./tenon-victim.ts";
import { done, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "relies on three hundred thousand tensors of its base",
  async lay(root) {
    return delta(root, (manifest) => {
      const { reference } = manifest.components.base;
      for (let at = 0; at < 300_000; at++) reference.digests[`t${at}`] = "xxh3-blocks:0000000000000000";
    });
  },
  answers: { inspect: done(), diagnose: done(), merge: refused("TENON_BASE_DIGEST_DIFFERS", 1) },
};
export default hostile;
