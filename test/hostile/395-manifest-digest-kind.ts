import { delta } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "relies on digests of an unknown kind",
  async lay(root) {
    return delta(root, (manifest) => {
      const { digests } = manifest.components.base.reference;
      for (const name of Object.keys(digests)) digests[name] = "md5:00";
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("TENON_BASE_DIGEST_KIND"),
    split: done(),
    merge: refused("TENON_BASE_DIGEST_KIND", 4),
    convert: done(),
  },
};
export default hostile;
