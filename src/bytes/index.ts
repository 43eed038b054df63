export * from "./document.ts";
export * from "./sink.ts";
export type { ByteSource, SourceTree } from "./source.ts";
