import type { Format } from "../format.ts";
import { headerBytesLimit } from "./limits.ts";
import { openSafetensors } from "./read.ts";
import { headerStart, lengthBytes } from "./wire.ts";
import { layOutSafetensors } from "./write.ts";

/** Hugging Face's safetensors: a JSON header and packed little-endian tensors. See `docs/formats/safetensors.md`. */
export const safetensors: Format = {
  name: "safetensors",
  canWrite: true,
  sniff(head, path) {
    if (looksLikeOne(head)) return true;
    // A file with this name that looks like nothing is damaged: opening it says how.
    return path.toLowerCase().endsWith(".safetensors") && !hasForeignMagic(head);
  },
  open: openSafetensors,
  layOut: layOutSafetensors,
};

/** Zip, pickle and GGUF, which people have been seen to rename. */
function hasForeignMagic(head: Uint8Array): boolean {
  return ["PK\u0003\u0004", "\u0080", "GGUF"].some((magic) => {
    return (
      head.length >= magic.length && [...magic].every((byte, index) => head[index] === byte.charCodeAt(0))
    );
  });
}

function looksLikeOne(head: Uint8Array): boolean {
  if (head.length <= lengthBytes || head[lengthBytes] !== headerStart) return false;
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(headerBytesLimit);
}
