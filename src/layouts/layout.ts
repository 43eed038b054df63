import type { SourceTree } from "../bytes/index.ts";
import type { Checkpoint, Draft, JsonRecord, Observation, OutputFile } from "../core/index.ts";
import type { Format } from "../formats/index.ts";

/** How sure a layout is, and why. Evidence is given for `no` too: it is shown when nothing matches. */
export interface Sniff {
  readonly match: "yes" | "maybe" | "no";
  readonly evidence: readonly string[];
}

export interface OpenOptions {
  readonly formats: readonly Format[];
  readonly signal?: AbortSignal;
  /** Given by the user for sources that do not say alpha: `--adapter-config`, `--alpha`. */
  readonly adapterConfig?: JsonRecord;
  /** Damage that can be stepped over goes here instead of being thrown (the doctor listens). */
  readonly report?: (observation: Observation) => void;
}

export interface ArrangeOptions {
  /** Largest size of one tensor file in bytes; a single larger tensor gets a file of its own. */
  readonly maxShardBytes?: number;
}

/** How files make a checkpoint. */
export interface Layout {
  readonly name: string;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  sniff(tree: SourceTree): Promise<Sniff>;
  /** Reads metadata only. The checkpoint owns the files it opens; `tree` belongs to the caller until then. */
  open(tree: SourceTree, options: OpenOptions): Promise<Checkpoint>;
  /** Present when `canWrite`. Names every file and the tensors in it. @throws PlanError for what it cannot hold. */
  arrange?(draft: Draft, options: ArrangeOptions): readonly OutputFile[];
}
