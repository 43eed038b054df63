import type { ByteSource } from "../../src/bytes/index.ts";
import { FormatError, type Tensor } from "../../src/core/index.ts";

/** An input as a file. */
export function sourceFrom(input: Uint8Array): ByteSource {
  return {
    path: "fuzz",
    location: "fuzz",
    byteLength: input.byteLength,
    close: async () => {},
    read: async (byteOffset, into) => {
      if (byteOffset < 0 || !Number.isSafeInteger(byteOffset)) throw new Error(`read at ${byteOffset}`);
      if (byteOffset + into.byteLength > input.byteLength)
        throw new FormatError("TENON_BYTES_PAST_END", "the input ends before that");
      into.set(input.subarray(byteOffset, byteOffset + into.byteLength));
    },
  };
}

/** Reads the start and the end of each tensor, as far as a small budget goes. */
export async function readSome(tensors: readonly Tensor[]): Promise<void> {
  for (const tensor of tensors.slice(0, 16)) {
    const length = Math.min(tensor.byteLength, 256);
    await tensor.read(0, new Uint8Array(length));
    await tensor.read(tensor.byteLength - length, new Uint8Array(length));
  }
}
