import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { int, list, parameter, record, TorchDraft, toySave } from "../layouts/zero/toy.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a parameter whose state is a symbolic link out of the directory",
  async lay(root) {
    const model = toySave({ stage: 2, workers: 1, groups: [[parameter("w", [2], 0)]] }).get(
      "mp_rank_00_model_states.pt",
    );
    const optimizer = new TorchDraft();
    optimizer.entries = { zero_stage: int(2), param_groups: list(record({ params: list(int(0)) })) };
    const call = await alone(root, {
      "mp_rank_00_model_states.pt": model ?? "",
      "zero/optimizer_state.pt": optimizer.bytes(),
    });
    await writeFile(join(root, "secret"), "secret");
    await mkdir(join(call.source, "zero/w"));
    await symlink(join(root, "secret"), join(call.source, "zero/w/fp32.pt"));
    return call;
  },
  answers: refusedBy("TENON_PATH_ESCAPES"),
};
export default hostile;
