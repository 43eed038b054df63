import { whole } from "./tenon-victim.ts";
import { finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "states other sizes in tenon.json",
  async lay(root) {
    return whole(root, ({ components }) => {
      components.base.files[0].bytes = 2 ** 52;
    });
  },
  answers: {
    inspect: refused("TENON_MANIFEST_SIZE_DIFFERS"),
    diagnose: finds("TENON_MANIFEST_SIZE_DIFFERS"),
    verify: finds("TENON_MANIFEST_SIZE_DIFFERS"),
    split: refused("TENON_MANIFEST_SIZE_DIFFERS"),
    merge: refused("TENON_MANIFEST_SIZE_DIFFERS"),
    convert: refused("TENON_MANIFEST_SIZE_DIFFERS"),
  },
};
export default hostile;
