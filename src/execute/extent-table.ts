import type { Extent } from "../core/index.ts";

/**
 * Where tensors lie in local files, as numbers: a save of 512 workers keeps each tensor in 512 pieces, and as objects these
 * would be copied into every thread. Plain data, which threads share where the runtime lets them.
 */
export interface ExtentTable {
  /** Tensor id → place of its first piece; the pieces end where those of the next id begin. */
  readonly starts: ReadonlyMap<string, readonly [first: number, end: number]>;
  readonly paths: readonly string[];
  /** Three numbers a piece: place of its path, byteOffset, byteLength. */
  readonly pieces: Float64Array;
}

/** Collects the extents of one tensor after another. */
export class ExtentTableBuilder {
  readonly #starts: Map<string, readonly [number, number]> = new Map();
  readonly #paths: Map<string, number> = new Map();
  #pieces = new Float64Array(3 * 1024);
  #count = 0;

  add(id: string, extents: readonly Extent[]): void {
    const first = this.#count;
    for (const { path, byteOffset, byteLength } of extents) {
      const known = this.#paths.get(path) ?? this.#paths.size;
      this.#paths.set(path, known);
      if ((this.#count + 1) * 3 > this.#pieces.length) this.#grow();
      this.#pieces.set([known, byteOffset, byteLength], this.#count++ * 3);
    }
    this.#starts.set(id, [first, this.#count]);
  }

  table(): ExtentTable {
    const used = this.#count * 3;
    // A page without cross-origin isolation has no shared memory, and no threads either.
    const isShared = typeof SharedArrayBuffer !== "undefined";
    const pieces = new Float64Array(isShared ? new SharedArrayBuffer(used * 8) : new ArrayBuffer(used * 8));
    pieces.set(this.#pieces.subarray(0, used));
    return { starts: this.#starts, paths: [...this.#paths.keys()], pieces };
  }

  #grow(): void {
    const larger = new Float64Array(this.#pieces.length * 2);
    larger.set(this.#pieces);
    this.#pieces = larger;
  }
}

/** The pieces of one tensor, in order. @throws Error for an id that the table has not */
export function* extentsIn({ starts, paths, pieces }: ExtentTable, id: string): Generator<Extent> {
  const place = starts.get(id);
  if (place === undefined) throw new Error(`internal: ${id} lies in no local file`);
  const [first, end] = place;
  for (let at = first; at < end; at++) {
    const [path = 0, byteOffset = 0, byteLength = 0] = pieces.subarray(at * 3, at * 3 + 3);
    yield { path: paths[path] as string, byteOffset, byteLength };
  }
}
