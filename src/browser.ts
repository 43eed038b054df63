// The public names, for a browser. src/index.ts has the same for Node.

import { browserHost, type Tenon, tenonOn } from "./verbs/index.ts";

const here = tenonOn(browserHost());

/** @see Tenon.open */
export const open: Tenon["open"] = here.open;
/** @see Tenon.inspect */
export const inspect: Tenon["inspect"] = here.inspect;
/** @see Tenon.diagnose */
export const diagnose: Tenon["diagnose"] = here.diagnose;
/** @see Tenon.repair */
export const repair: Tenon["repair"] = here.repair;
/** @see Tenon.merge */
export const merge: Tenon["merge"] = here.merge;
/** @see Tenon.split */
export const split: Tenon["split"] = here.split;
/** @see Tenon.convert */
export const convert: Tenon["convert"] = here.convert;
/** @see Tenon.diff */
export const diff: Tenon["diff"] = here.diff;
/** @see Tenon.verify */
export const verify: Tenon["verify"] = here.verify;

export type {
  ByteSink,
  ByteSource,
  HttpOptions,
  MemorySink,
  MemoryTreeOptions,
  NamedBlob,
  SinkTree,
  SourceTree,
} from "./bytes/index.ts";
export { httpTree, memorySink, memoryTree, wellKnownNames } from "./bytes/index.ts";
export * from "./core/index.ts";
export type {
  FileLayout,
  Format,
  LayOutExtras,
  OpenFileOptions,
  StoredPlace,
  TensorFile,
} from "./formats/index.ts";
export { formats, storedTensor } from "./formats/index.ts";
export type {
  ArrangeOptions,
  FoundModel,
  KnownBase,
  Layout,
  OpenOptions,
  OutputText,
  Sniff,
  SniffOptions,
  WrittenFile,
} from "./layouts/index.ts";
export { layouts, openModelFiles } from "./layouts/index.ts";
export type {
  AdapterUse,
  Explanation,
  FloatOutput,
  TieOutcome,
  TiePolicy,
  UnusedTensor,
} from "./plan/index.ts";
export * from "./verbs/index.ts";
