import { readAheadBlocks } from "./limits.ts";
import { checkRange } from "./range.ts";
import type { ByteSource } from "./source.ts";

interface Block {
  readonly byteOffset: number;
  readonly bytes: Uint8Array;
}

/**
 * Serves small reads from blocks that are read whole, so that a header which is taken in small bites costs one request.
 * Reads of a block or more go straight through. Keeps the last few blocks; `head`, if given, is the first of them.
 */
export function readAhead(source: ByteSource, blockBytes: number, head?: Uint8Array): ByteSource {
  return new ReadAhead(source, blockBytes, head);
}

class ReadAhead implements ByteSource, AsyncDisposable {
  readonly path: string;
  readonly location: string;
  readonly byteLength: number;
  readonly #source: ByteSource;
  readonly #blockBytes: number;
  /** Most recently used first. */
  #blocks: readonly Block[];

  constructor(source: ByteSource, blockBytes: number, head: Uint8Array | undefined) {
    this.path = source.path;
    this.location = source.location;
    this.byteLength = source.byteLength;
    this.#source = source;
    this.#blockBytes = blockBytes;
    this.#blocks = head === undefined ? [] : [{ byteOffset: 0, bytes: head }];
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkRange(this, byteOffset, into.length);
    const known = this.#blocks.find((block) => holds(block, byteOffset, into.length));
    if (known === undefined && into.length >= this.#blockBytes) {
      await this.#source.read(byteOffset, into, signal);
      return;
    }
    const block = known ?? (await this.#fetch(byteOffset, signal));
    this.#blocks = [block, ...this.#blocks.filter((other) => other !== block)].slice(0, readAheadBlocks);
    const start = byteOffset - block.byteOffset;
    into.set(block.bytes.subarray(start, start + into.length));
  }

  async #fetch(byteOffset: number, signal: AbortSignal | undefined): Promise<Block> {
    // Near the end the block reaches back: who reads there (a zip directory) goes backwards.
    const start = Math.max(0, Math.min(byteOffset, this.byteLength - this.#blockBytes));
    const bytes = new Uint8Array(Math.min(this.#blockBytes, this.byteLength - start));
    await this.#source.read(start, bytes, signal);
    return { byteOffset: start, bytes };
  }

  async close(): Promise<void> {
    this.#blocks = [];
    await this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function holds(block: Block, byteOffset: number, byteCount: number): boolean {
  return block.byteOffset <= byteOffset && byteOffset + byteCount <= block.byteOffset + block.bytes.length;
}
