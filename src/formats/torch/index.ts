import type { Format } from "../format.ts";
import { openTorch } from "./read.ts";
import { isTorchFile } from "./sniff.ts";

export { type OpenTorchOptions, openTorch, type TorchFile } from "./read.ts";
export { type ChecksumProblem, type ChecksumReport, verifyChecksums } from "./verify.ts";
export { type StateDict, stateDictsIn, type TensorPath, tensorsIn, type WalkOptions } from "./walk.ts";
export { stateDictContainers, torchDType } from "./wire.ts";

/** Files of torch.save: zip archives and the legacy form. Read only. */
export const torch: Format = {
  name: "torch",
  canWrite: false,
  sniff: isTorchFile,
  open: openTorch,
};
