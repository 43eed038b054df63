import { type ErrorExtras, FormatError } from "../../core/index.ts";

/** @throws FormatError TENON_DCP_METADATA: `.metadata` is not what torch writes there */
export function badMetadata(path: string, complaint: string, details: ErrorExtras["details"] = {}): never {
  throw new FormatError("TENON_DCP_METADATA", `dcp: ${complaint} (${path})`, {
    details: { ...details, path },
    hint: "The file is damaged or was not written by torch.distributed.checkpoint: copy it again.",
  });
}
