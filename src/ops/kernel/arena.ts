import { ResourceError } from "../../core/index.ts";
import type { KernelExports } from "./kernel-exports.ts";
import { arenaStart, defaultMaxBytes, hardMaxBytes, pageBytes } from "./limits.ts";

export interface KernelOptions {
  /** The most that this kernel's memory may grow to, in bytes. Default 1 GiB; more than 4 GiB − 64 KiB is cut. */
  readonly maxBytes?: number;
}

/**
 * The memory of one kernel, for one thread.
 *
 * Memory is a bump arena: `alloc` goes up, `release(mark)` goes back. Callers read file data straight into
 * `bytes(...)`. A view dies when the memory grows, so take a fresh one after every `alloc`; pointers stay valid.
 */
export class Arena {
  readonly exports: KernelExports;
  protected readonly memory: WebAssembly.Memory;
  private readonly maxBytes: number;
  private top: number = arenaStart;

  protected constructor(module: WebAssembly.Module, options: KernelOptions) {
    this.maxBytes = Math.min(options.maxBytes ?? defaultMaxBytes, hardMaxBytes);
    this.memory = new WebAssembly.Memory({ initial: 1 });
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory } });
    this.exports = instance.exports as unknown as KernelExports;
  }

  /** Bytes in use, scratch included. */
  get usedBytes(): number {
    return this.top;
  }

  /**
   * Reserves memory at a multiple of 64; what it holds is undefined.
   * @throws ResourceError TENON_MEMORY_BUDGET when the limit, or the machine, has no more.
   */
  alloc(byteLength: number): number {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0)
      throw new Error(`internal: alloc(${byteLength})`);
    const pointer = this.top;
    const end = pointer + Math.ceil(byteLength / 64) * 64;
    if (end > this.memory.buffer.byteLength) this.grow(end, byteLength);
    this.top = end;
    return pointer;
  }

  /** The place to `release` to: everything allocated after it goes. */
  mark(): number {
    return this.top;
  }

  release(mark: number): void {
    if (mark < arenaStart || mark > this.top) throw new Error(`internal: release(${mark}) of ${this.top}`);
    this.top = mark;
  }

  /** A view of memory in use; dies when the memory grows. */
  bytes(pointer: number, byteLength: number): Uint8Array<ArrayBuffer> {
    this.check(pointer, byteLength);
    return new Uint8Array(this.memory.buffer, pointer, byteLength);
  }

  /** A view of `count` f32 at a multiple of 4; dies when the memory grows. */
  f32(pointer: number, count: number): Float32Array<ArrayBuffer> {
    this.check(pointer, count * 4);
    return new Float32Array(this.memory.buffer, pointer, count);
  }

  /** A view of `count` f64 at a multiple of 8; dies when the memory grows. */
  f64(pointer: number, count: number): Float64Array<ArrayBuffer> {
    this.check(pointer, count * 8);
    return new Float64Array(this.memory.buffer, pointer, count);
  }

  /** The kernel's own results below the arena. */
  scratch(pointer: number, byteLength: number): DataView {
    return new DataView(this.memory.buffer, pointer, byteLength);
  }

  /** Stops a run of bytes that is not inside memory in use: wasm would read or write a neighbour's. */
  check(pointer: number, byteLength: number): void {
    if (pointer >= arenaStart && byteLength >= 0 && pointer + byteLength <= this.top) return;
    throw new Error(`internal: kernel memory ${pointer}+${byteLength} is outside ${arenaStart}..${this.top}`);
  }

  private grow(end: number, wantedBytes: number): void {
    const pages = Math.ceil((end - this.memory.buffer.byteLength) / pageBytes);
    const details = { wantedBytes, usedBytes: this.top, maxBytes: this.maxBytes };
    const message = `kernel: ${wantedBytes} bytes do not fit beside ${this.top} in use, the limit is ${this.maxBytes}`;
    if (end > this.maxBytes) throw new ResourceError("TENON_MEMORY_BUDGET", message, { details });
    try {
      this.memory.grow(pages);
    } catch (cause) {
      throw new ResourceError("TENON_MEMORY_BUDGET", message, { details, cause });
    }
  }
}
