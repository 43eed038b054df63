import { join } from "node:path";
import type { Host, Tenon } from "../../src/verbs/index.ts";
import { tenonOn } from "../../src/verbs/index.ts";
import { nodeHost } from "../../src/verbs/node/index.ts";

// From source there is no worker beside the module: the built one does the work.
export const host: Host = nodeHost({ workerUrl: new URL("../../dist/worker.js", import.meta.url) });
const { inThreads: _, ...others } = host;
/** The same without worker threads, for tests of many small runs: starting a thread costs more than they do. */
export const inlineHost: Host = others;
export const tenon: Tenon = tenonOn(host);

export const fixtures: string = join(import.meta.dirname, "../fixtures");
export const fixture = (path: string): string => join(fixtures, path);
