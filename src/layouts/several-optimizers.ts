import type { FileEntry } from "../core/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import { rootFolders, rootPaths } from "./evidence.ts";

/**
 * Observes second and later optimizers of a save, which `accelerator.save_state` numbers: `optimizer_1.bin`, or FSDP's folder
 * `optimizer_1/` (accelerate 1.15, checkpointing.py and utils/fsdp_utils.py). The first alone is read.
 */
export function noteSeveralOptimizers(files: CheckpointFiles, listed: readonly FileEntry[]): void {
  const own = rootPaths(listed).filter((path) => /^optimizer(?:_\d+)?\.bin$/.test(path));
  const sharded = rootFolders(listed.filter(({ path }) => /^optimizer_\d+\/[^/]+\.distcp$/.test(path)));
  const names = [...own, ...sharded];
  if (names.some((name) => /^optimizer_[1-9]/.test(name)))
    files.notices.note({ code: "TENON_OPTIMIZER_SEVERAL", names });
}
