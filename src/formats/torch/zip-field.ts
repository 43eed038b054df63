import { FormatError } from "../../core/index.ts";
import type { SourceWindow } from "./window.ts";

/** @throws FormatError TENON_ZIP_DIRECTORY */
export function badDirectory(file: SourceWindow, complaint: string, offset?: number): never {
  const where = offset === undefined ? "" : ` at byte ${offset}`;
  throw new FormatError("TENON_ZIP_DIRECTORY", `torch zip: ${complaint}${where} (${file.path})`, {
    details: { path: file.path, ...(offset === undefined ? {} : { byteOffset: offset }) },
    hint: "The file is damaged, was cut short, or was not written by torch.save.",
  });
}

/** A 64-bit field as a number. @throws FormatError TENON_ZIP_DIRECTORY past 2^53 */
export function toOffset(file: SourceWindow, view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) badDirectory(file, `a 64-bit field holds ${value}`);
  return Number(value);
}
