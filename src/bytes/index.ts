export { type BlobTreeOptions, blobTree, type NamedBlob } from "./blob-tree.ts";
export { crc32, crc32After } from "./crc32.ts";
export * from "./document.ts";
export * from "./http/index.ts";
export { type MemorySink, memorySink } from "./memory-sink.ts";
export { type MemoryTreeOptions, memoryTree } from "./memory-tree.ts";
export { readAhead } from "./read-ahead.ts";
export * from "./sink.ts";
export type { ByteSource, SourceTree } from "./source.ts";
