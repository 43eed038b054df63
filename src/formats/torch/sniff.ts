import { legacyMagic, tarMagic } from "./wire.ts";

export type TorchKind = "zip" | "legacy" | "tar" | "pickle";

/** The kind of file by its first bytes. */
export function sniffTorch(head: Uint8Array): TorchKind | undefined {
  if (startsWith(head, 0, [0x50, 0x4b, 0x03, 0x04])) return "zip";
  // An archive without members has the end record alone.
  if (startsWith(head, 0, [0x50, 0x4b, 0x05, 0x06])) return "zip";
  if (startsWith(head, tarMagic.byteOffset, [...new TextEncoder().encode(tarMagic.text)])) return "tar";
  const [proto = 0, protocol = 255] = head;
  if (proto !== 0x80 || protocol > 5) return undefined;
  // Protocol 4 puts a FRAME of 9 bytes before the number.
  for (const at of [2, 11]) if (startsWith(head, at, legacyMagic)) return "legacy";
  return "pickle";
}

/** Extensions that torch users give such files. */
const extension = /\.(bin|pt|pth|ckpt|pkl|distcp)$/i;

/** Whether a file is torch's, given its first bytes and its name. */
export function isTorchFile(head: Uint8Array, path: string): boolean {
  const kind = sniffTorch(head);
  if (kind === undefined) return false;
  if (kind === "legacy" || extension.test(path)) return true;
  // The first member of any torch archive is data.pkl, whatever the file is called.
  return kind === "zip" && new TextDecoder("latin1").decode(head.subarray(30)).includes("/data.pkl");
}

function startsWith(head: Uint8Array, at: number, bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => head[at + index] === byte);
}
