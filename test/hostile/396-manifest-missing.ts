import { whole } from "./tenon-victim.ts";
import { finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "lists a file in tenon.json that is not there",
  async lay(root) {
    return whole(root, ({ components }) => {
      components.base.files.push({ path: "base/evil.safetensors", bytes: 1, sha256: "0".repeat(64) });
    });
  },
  answers: {
    inspect: refused("TENON_MANIFEST_FILE_MISSING"),
    diagnose: finds("TENON_MANIFEST_FILE_MISSING"),
    verify: finds("TENON_MANIFEST_FILE_MISSING"),
    split: refused("TENON_MANIFEST_FILE_MISSING"),
    merge: refused("TENON_MANIFEST_FILE_MISSING"),
    convert: refused("TENON_MANIFEST_FILE_MISSING"),
  },
};
export default hostile;
