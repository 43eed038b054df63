export type { Host, Output, SinkRequest, Source } from "./host.ts";
export type { ReadOptions, RunOptions, WriteOptions } from "./options.ts";
export { type Tenon, tenonOn } from "./tenon-on.ts";
