import { legacy } from "../formats/torch/archive.ts";
import { call, global, none, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "runs a command in the pickle of storage keys",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openBytes(legacy({ object: none, storages: [], keys: call(global("os", "system"), str("id")) })),
};
export default hostile;
