import { readDocument, type SourceTree } from "../bytes/index.ts";
import type {
  AdapterComponent,
  BaseComponent,
  Checkpoint,
  Entry,
  FileEntry,
  Observation,
  OptimizerComponent,
  TrainerComponent,
} from "../core/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import { inKnownOrder } from "./known-order.ts";

/** What a layout found, besides the files themselves. */
export interface CheckpointParts {
  readonly layout: string;
  readonly evidence: readonly string[];
  readonly base?: BaseComponent | undefined;
  readonly adapters?: ReadonlyMap<string, AdapterComponent>;
  readonly optimizer?: OptimizerComponent | undefined;
  readonly trainer?: TrainerComponent | undefined;
  readonly entries: readonly Entry[];
  readonly companions?: readonly FileEntry[];
}

/** A {@link Checkpoint} over a tree; it owns the tree and the files opened from it. */
export class OpenedCheckpoint implements Checkpoint {
  readonly location: string;
  readonly layout: string;
  readonly evidence: readonly string[];
  readonly base?: BaseComponent;
  readonly adapters: ReadonlyMap<string, AdapterComponent>;
  readonly optimizer?: OptimizerComponent;
  readonly trainer?: TrainerComponent;
  readonly entries: readonly Entry[];
  readonly observations: readonly Observation[];
  readonly files: readonly FileEntry[];
  readonly companions: readonly FileEntry[];
  readonly #tree: SourceTree;
  readonly #opened: CheckpointFiles;

  constructor(opened: CheckpointFiles, files: readonly FileEntry[], parts: CheckpointParts) {
    this.location = opened.tree.location;
    this.layout = parts.layout;
    this.evidence = parts.evidence;
    if (parts.base !== undefined) this.base = parts.base;
    this.adapters = parts.adapters ?? new Map();
    if (parts.optimizer !== undefined) this.optimizer = parts.optimizer;
    if (parts.trainer !== undefined) this.trainer = parts.trainer;
    this.entries = parts.entries;
    this.observations = opened.notices.observations;
    this.files = files;
    this.companions = parts.companions ?? [];
    this.#tree = opened.tree;
    this.#opened = opened;
  }

  readDocument(path: string): Promise<Uint8Array> {
    return readDocument(this.#tree, path);
  }

  async close(): Promise<void> {
    await this.#opened.close();
    await this.#tree.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Reads by `read`; when it fails, the files that it had opened are closed, and the tree is the caller's still. */
export async function openCheckpoint(
  opened: CheckpointFiles,
  read: (files: readonly FileEntry[]) => Promise<CheckpointParts>,
): Promise<Checkpoint> {
  try {
    const files = await opened.tree.list();
    const parts = await read(files);
    return new OpenedCheckpoint(opened, files, { ...parts, optimizer: inOrder(parts, opened) });
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function inOrder(
  { optimizer, base, adapters = new Map(), entries, companions = [] }: CheckpointParts,
  { options }: CheckpointFiles,
): OptimizerComponent | undefined {
  const model = { ...(base && { base }), adapters, entries, companions };
  return optimizer && inKnownOrder(optimizer, model, options);
}
