import { legacy } from "../formats/torch/archive.ts";
import { call, global, none, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "runs a command in the pickle of system information",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () =>
    openBytes(legacy({ object: none, storages: [], system: call(global("os", "system"), str("id")) })),
};
export default hostile;
