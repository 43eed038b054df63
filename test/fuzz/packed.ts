// A directory as one input of the fuzzer.
export type PackedFiles = Readonly<Record<string, string | Uint8Array>>;

const utf8 = new TextEncoder();

/** Files one after another: length of the path, path, length of the content in two bytes, content. */
export function packed(files: PackedFiles): Uint8Array {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const [name, bytes] = [utf8.encode(path), typeof content === "string" ? utf8.encode(content) : content];
    return [Uint8Array.of(name.length), name, Uint8Array.of(bytes.length & 255, bytes.length >> 8), bytes];
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** Whatever the bytes are, they are some files. */
export function unpacked(input: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at < input.length; ) {
    const content = at + 1 + (input[at] ?? 0);
    const name = new TextDecoder().decode(input.subarray(at + 1, content));
    const end = content + 2 + (input[content] ?? 0) + 256 * (input[content + 1] ?? 0);
    files.set(name, input.subarray(content + 2, end));
    at = end;
  }
  return files;
}
