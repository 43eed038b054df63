import { MappedTree } from "./mapped-tree.ts";
import type { SourceTree } from "./source.ts";

export interface MemoryTreeOptions {
  /** Names the tree in messages and ids; trees that are used together need different ones. Default: `memory:<n>`. */
  readonly location?: string;
}

let count = 0;

/**
 * A tree of files in memory, by relative path. The bytes are not copied.
 * @throws FormatError TENON_PATH_UNSAFE
 */
export function memoryTree(
  files: ReadonlyMap<string, Uint8Array | string>,
  options: MemoryTreeOptions = {},
): SourceTree & AsyncDisposable {
  const encoder = new TextEncoder();
  const mapped = [...files].map(([path, content]) => {
    const bytes = typeof content === "string" ? encoder.encode(content) : content;
    const read = async (byteOffset: number, into: Uint8Array): Promise<void> => {
      into.set(bytes.subarray(byteOffset, byteOffset + into.length));
    };
    return [path, { byteLength: bytes.length, read }] as const;
  });
  return new MappedTree(options.location ?? `memory:${++count}`, false, mapped);
}
