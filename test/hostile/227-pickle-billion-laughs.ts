import { get, put } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

// Each list holds the one before twice.
const laughs = [0x5d, ...put(0)];
for (let n = 0; n < 60; n++) laughs.push(...put(n), 0x5d, ...put(n + 1), 0x28, ...get(n), ...get(n), 0x65);
laughs.splice(0, 0, 0x28);
laughs.push(0x74);

const hostile: HostileCase = {
  attack: "doubles a list sixty times by reference",
  refusal: "TENON_PICKLE_LIMIT",
  run: () => openArchiveOf(laughs),
};
export default hostile;
