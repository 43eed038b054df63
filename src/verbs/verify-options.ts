import type { ReadOptions, RunOptions } from "./options.ts";

export interface VerifyOptions extends ReadOptions, RunOptions {}
