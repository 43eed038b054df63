import { call, global, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "runs a command when unpickled (os.system)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("os", "system"), str("touch /tmp/owned"))),
};
export default hostile;
