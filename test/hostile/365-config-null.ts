import { refusedBy, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a null byte and no UTF-8 in adapter_config.json",
  async lay(root) {
    return pair(root, { ...adapter(), "adapter_config.json": new Uint8Array([123, 0, 255, 254, 125]) });
  },
  answers: refusedBy("TENON_DOCUMENT_NOT_UTF8"),
};
export default hostile;
