import type { JsonRecord, OnProgress } from "../core/index.ts";
import type { Format } from "../formats/index.ts";
import type { Layout } from "../layouts/index.ts";
import type { Output } from "./host.ts";

/** How a source is read. The same for every verb. */
export interface ReadOptions {
  /** In the place of tenon's own; `[...formats, mine]` adds to them. */
  readonly formats?: readonly Format[];
  /** In the place of tenon's own; `[...layouts, mine]` adds to them. */
  readonly layouts?: readonly Layout[];
  /** Name of the layout that the source has, where evidence does not decide. */
  readonly layout?: string;
  /** An adapter_config.json for a source that has none. */
  readonly adapterConfig?: JsonRecord;
  /** `lora_alpha` for a source that has no adapter_config.json: rank and targets are read off its tensors. */
  readonly alpha?: number;
  /**
   * Names of parameters, stored or canonical, in the order of the running numbers of an optimizer that has no names. Needed
   * only where shapes leave more than one order.
   */
  readonly paramOrder?: readonly string[];
  readonly signal?: AbortSignal;
}

/** How work on bytes runs. */
export interface RunOptions {
  /** Memory for tiles and factors in all threads together, in bytes. Default 128 MiB. */
  readonly memoryBytes?: number;
  /** Default: as many as the machine runs at once. */
  readonly threads?: number;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends RunOptions {
  readonly output: Output;
  /** Replace what is at the output, once the new one is complete. */
  readonly force?: boolean;
  /** Plan, explain and write nothing. */
  readonly dryRun?: boolean;
  /** Largest size of one weight file in bytes. Default: as the source is sharded. */
  readonly maxShardBytes?: number;
  /** Components or parameters to leave out, each of which would else be an error. */
  readonly drop?: readonly string[];
}
