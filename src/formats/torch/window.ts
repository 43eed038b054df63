import type { ByteSource } from "../../bytes/index.ts";
import type { Extent } from "../../core/index.ts";
import { FormatError } from "../../core/index.ts";

/**
 * A torch.save file, or one lying inside a larger file as in a `.distcp` of torch's distributed checkpoints. Offsets
 * here count from the start of the window.
 */
export class SourceWindow {
  readonly source: ByteSource;
  readonly byteOffset: number;
  readonly byteLength: number;

  constructor(source: ByteSource, byteOffset = 0, byteLength: number = source.byteLength - byteOffset) {
    if (byteOffset < 0 || byteLength < 0 || byteOffset + byteLength > source.byteLength) {
      const message = `torch: bytes ${byteOffset} to ${byteOffset + byteLength} are wanted, the file has ${source.byteLength} (${source.path})`;
      throw new FormatError("TENON_TORCH_WINDOW", message, {
        details: { byteOffset, byteLength, path: source.path },
      });
    }
    this.source = source;
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
  }

  get path(): string {
    return this.source.path;
  }

  /** Unique among everything that is open: two blobs of one file differ. */
  get location(): string {
    const isWhole = this.byteOffset === 0 && this.byteLength === this.source.byteLength;
    return isWhole ? this.source.location : `${this.source.location}@${this.byteOffset}`;
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (byteOffset < 0 || byteOffset + into.byteLength > this.byteLength) {
      const message = `torch: bytes ${byteOffset} to ${byteOffset + into.byteLength} are wanted, ${this.byteLength} are there (${this.path})`;
      throw new FormatError("TENON_TORCH_WINDOW", message, {
        details: { byteOffset, byteLength: into.byteLength, path: this.path },
      });
    }
    await this.source.read(this.byteOffset + byteOffset, into, signal);
  }

  async bytes(byteOffset: number, byteLength: number, signal?: AbortSignal): Promise<Uint8Array> {
    const into = new Uint8Array(byteLength);
    await this.read(byteOffset, into, signal);
    return into;
  }

  /** Undefined for files that only this thread can read. */
  extent(byteOffset: number, byteLength: number): Extent | undefined {
    const { localPath } = this.source;
    if (localPath === undefined) return undefined;
    return { path: localPath, byteOffset: this.byteOffset + byteOffset, byteLength };
  }
}
