import { ResourceError } from "../../core/index.ts";
import type { KernelExports } from "./kernel-exports.ts";
import { arenaStart, defaultMaxBytes, hardMaxBytes, pageBytes } from "./limits.ts";
import type { Pointer } from "./pointer.ts";
import { kernelWasm } from "./wasm.ts";

export interface KernelOptions {
  /** The most that this kernel's memory may grow to, in bytes. Default 1 GiB; more than 4 GiB − 64 KiB is cut. */
  readonly maxBytes?: number;
}

/**
 * One instance of the wasm kernel with its own memory, for one thread.
 *
 * Memory is a bump arena: `alloc` goes up, `release(mark)` goes back. Callers read file data straight into
 * `bytes(...)`. A view dies when the memory grows, so take a fresh one after every `alloc`; pointers stay valid.
 */
export class Kernel {
  readonly exports: KernelExports;
  private readonly memory: WebAssembly.Memory;
  private readonly maxBytes: number;
  private top: Pointer = arenaStart;

  private constructor(module: WebAssembly.Module, options: KernelOptions) {
    this.maxBytes = Math.min(options.maxBytes ?? defaultMaxBytes, hardMaxBytes);
    this.memory = new WebAssembly.Memory({ initial: 1 });
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory } });
    this.exports = instance.exports as unknown as KernelExports;
  }

  /** Compiles at once. For workers and Node; a browser's main thread may refuse: use {@link Kernel.load} there. */
  static open(options: KernelOptions = {}): Kernel {
    compiled ??= new WebAssembly.Module(decode(kernelWasm));
    return new Kernel(compiled, options);
  }

  /** As {@link Kernel.open}, without blocking while the module compiles. */
  static async load(options: KernelOptions = {}): Promise<Kernel> {
    compiled ??= await WebAssembly.compile(decode(kernelWasm));
    return new Kernel(compiled, options);
  }

  /** Bytes in use, scratch included. */
  get usedBytes(): number {
    return this.top;
  }

  /**
   * Reserves memory at a multiple of 64; what it holds is undefined.
   * @throws ResourceError TENON_KERNEL_MEMORY when the limit, or the machine, has no more.
   */
  alloc(byteLength: number): Pointer {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0)
      throw new Error(`internal: alloc(${byteLength})`);
    const pointer = this.top;
    const end = pointer + Math.ceil(byteLength / 64) * 64;
    if (end > this.memory.buffer.byteLength) this.grow(end, byteLength);
    this.top = end;
    return pointer;
  }

  /** The place to `release` to: everything allocated after it goes. */
  mark(): Pointer {
    return this.top;
  }

  release(mark: Pointer): void {
    if (mark < arenaStart || mark > this.top) throw new Error(`internal: release(${mark}) of ${this.top}`);
    this.top = mark;
  }

  /** A view of memory in use; dies when the memory grows. */
  bytes(pointer: Pointer, byteLength: number): Uint8Array<ArrayBuffer> {
    this.check(pointer, byteLength);
    return new Uint8Array(this.memory.buffer, pointer, byteLength);
  }

  /** A view of `count` f32 at a multiple of 4; dies when the memory grows. */
  f32(pointer: Pointer, count: number): Float32Array<ArrayBuffer> {
    this.check(pointer, count * 4);
    return new Float32Array(this.memory.buffer, pointer, count);
  }

  /** A view of `count` f64 at a multiple of 8; dies when the memory grows. */
  f64(pointer: Pointer, count: number): Float64Array<ArrayBuffer> {
    this.check(pointer, count * 8);
    return new Float64Array(this.memory.buffer, pointer, count);
  }

  /** The kernel's own results below the arena. */
  scratch(pointer: Pointer, byteLength: number): DataView {
    return new DataView(this.memory.buffer, pointer, byteLength);
  }

  /** Stops a run of bytes that is not inside memory in use: wasm would read or write a neighbour's. */
  check(pointer: Pointer, byteLength: number): void {
    if (pointer >= arenaStart && byteLength >= 0 && pointer + byteLength <= this.top) return;
    throw new Error(`internal: kernel memory ${pointer}+${byteLength} is outside ${arenaStart}..${this.top}`);
  }

  private grow(end: number, wantedBytes: number): void {
    const pages = Math.ceil((end - this.memory.buffer.byteLength) / pageBytes);
    const details = { wantedBytes, usedBytes: this.top, maxBytes: this.maxBytes };
    const message = `kernel: ${wantedBytes} bytes do not fit beside ${this.top} in use, the limit is ${this.maxBytes}`;
    if (end > this.maxBytes) throw new ResourceError("TENON_KERNEL_MEMORY", message, { details });
    try {
      this.memory.grow(pages);
    } catch (cause) {
      throw new ResourceError("TENON_KERNEL_MEMORY", message, { details, cause });
    }
  }
}

/** One compilation a thread, however many kernels it opens. */
let compiled: WebAssembly.Module | undefined;

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
