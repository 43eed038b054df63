import type { Format } from "../format.ts";
import { openTorch } from "./read.ts";
import { isTorchFile } from "./sniff.ts";
import { layOutTorch } from "./write.ts";

export { TensorPlace } from "./place.ts";
export { type OpenTorchOptions, openTorch, type TorchFile } from "./read.ts";
export { type ChecksumProblem, type ChecksumReport, verifyChecksums } from "./verify.ts";
export { type StateDict, stateDictsIn, type TensorPath, tensorsIn, type WalkOptions } from "./walk.ts";
export { stateDictContainers, torchDType, torchDTypeName } from "./wire.ts";
export { type ArchiveExtent, archiveExtents, type TorchEntry } from "./write.ts";

/** Files of torch.save: zip archives and the legacy form, which is only read. See `docs/formats/torch.md`. */
export const torch: Format = {
  name: "torch",
  canWrite: true,
  keepsAliases: true,
  keepsObjects: true,
  sniff: isTorchFile,
  open: openTorch,
  layOut: layOutTorch,
};
