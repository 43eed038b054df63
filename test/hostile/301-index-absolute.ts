import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, sharded } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names a shard /etc/passwd in its index",
  async lay(root) {
    return alone(root, sharded("/etc/passwd"));
  },
  answers: refusedBy("TENON_PATH_UNSAFE"),
};
export default hostile;
