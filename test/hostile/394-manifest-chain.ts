import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { delta } from "./tenon-victim.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "stands on a checkpoint that stands on it",
  async lay(root) {
    const call = await delta(root, (manifest) => {
      manifest.components.base.reference.location = join(root, "other");
    });
    await cp(call.source, join(root, "other"), { recursive: true });
    const path = join(root, "other/tenon.json");
    const manifest = JSON.parse(await readFile(path, "utf8"));
    manifest.components.base.reference.location = call.source;
    await writeFile(path, JSON.stringify(manifest));
    return call;
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("TENON_BASE_CHAIN"),
    split: done(),
    merge: refused("TENON_BASE_CHAIN", 1),
    convert: done(),
  },
};
export default hostile;
