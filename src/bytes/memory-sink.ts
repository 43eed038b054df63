import { memoryTree } from "./memory-tree.ts";
import { OutputNames } from "./output-names.ts";
import type { ByteSink, SinkTree } from "./sink.ts";
import type { ByteSource } from "./source.ts";

/** A {@link SinkTree} whose files stay in memory. */
export interface MemorySink extends SinkTree, AsyncDisposable {
  /** Path → bytes; empty until `commit`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** For tests, browsers and small outputs. `memoryTree(sink.files)` reads what was written. */
export function memorySink(location = "memory"): MemorySink {
  return new InMemory(location);
}

class InMemory implements MemorySink {
  readonly location: string;
  readonly #names = new OutputNames();
  readonly #growing = new Map<string, Growing>();
  #files: ReadonlyMap<string, Uint8Array> = new Map();
  #state: "open" | "committed" | "aborted" = "open";

  constructor(location: string) {
    this.location = location;
  }

  get files(): ReadonlyMap<string, Uint8Array> {
    return this.#files;
  }

  async create(path: string, byteLength: number): Promise<ByteSink> {
    this.#mustBeOpen();
    this.#names.claim(path);
    const file = new Growing(path, new Uint8Array(byteLength));
    this.#growing.set(path, file);
    return file;
  }

  async copyLocal(): Promise<boolean> {
    return false;
  }

  async reopen(path: string): Promise<ByteSource> {
    this.#mustBeOpen();
    const file = this.#growing.get(path);
    if (file === undefined || !file.isClosed) throw new Error(`internal: reopen before close (${path})`);
    return memoryTree(new Map([[path, file.bytes]]), { location: this.location }).open(path);
  }

  async commit(): Promise<void> {
    this.#mustBeOpen();
    for (const { path, isClosed } of this.#growing.values()) {
      if (!isClosed) throw new Error(`internal: commit before close (${path})`);
    }
    this.#files = new Map([...this.#growing].map(([path, { bytes }]) => [path, bytes]));
    this.#state = "committed";
  }

  async abort(): Promise<void> {
    if (this.#state === "open") this.#state = "aborted";
    this.#growing.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }

  #mustBeOpen(): void {
    if (this.#state !== "open") throw new Error(`internal: the output is ${this.#state} (${this.location})`);
  }
}

class Growing implements ByteSink {
  readonly path: string;
  readonly bytes: Uint8Array;
  isClosed = false;

  constructor(path: string, bytes: Uint8Array) {
    this.path = path;
    this.bytes = bytes;
  }

  async write(byteOffset: number, bytes: Uint8Array): Promise<void> {
    if (this.isClosed) throw new Error(`internal: write after close (${this.path})`);
    if (
      !Number.isSafeInteger(byteOffset) ||
      byteOffset < 0 ||
      byteOffset + bytes.length > this.bytes.length
    ) {
      throw new Error(`internal: write past the ${this.bytes.length} bytes of ${this.path}`);
    }
    this.bytes.set(bytes, byteOffset);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}
