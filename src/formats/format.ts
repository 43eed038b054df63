import type { ByteSource } from "../bytes/index.ts";
import type { DType, Observation, Shape, Tensor } from "../core/index.ts";

/** What a file holds, from its header alone. */
export interface TensorFile {
  readonly format: string;
  /** In file order. */
  readonly tensors: readonly Tensor[];
  /** safetensors `__metadata__`; empty elsewhere. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * What a pickle holds besides a flat dict of tensors: the whole object with tensors in their places and unknown
   * classes as opaque records. Absent for formats without structure.
   */
  readonly object?: unknown;
}

export interface OpenFileOptions {
  readonly signal?: AbortSignal;
  /**
   * Given: damage that does not stop the header from being understood (a truncated data section, trailing bytes)
   * is reported here and the tensors are still listed. Not given: it is thrown.
   */
  readonly report?: (observation: Observation) => void;
}

/** Where everything goes in a file about to be written. */
export interface FileLayout {
  readonly byteLength: number;
  /** Fixed bytes (header, padding), by offset. */
  readonly fixed: readonly { readonly byteOffset: number; readonly bytes: Uint8Array }[];
  /** In the order of the data in the file. */
  readonly tensors: readonly {
    readonly name: string;
    readonly byteOffset: number;
    readonly byteLength: number;
  }[];
  /**
   * Present when the format stores checksums of its data. Whoever writes the tensors takes their CRC-32 and then writes
   * what this returns: the rest of the fixed bytes. Their places are known before; `byteLength` counts them.
   */
  readonly seal?: (crc32: ReadonlyMap<string, number>) => FileLayout["fixed"];
}

/** What only some formats can say about tensors. */
export interface LayOutExtras {
  /** More names for a tensor that is written: alias → its name. @see Format.keepsAliases */
  readonly aliases?: ReadonlyMap<string, string>;
  /** What the file holds, with a place for every entry. @see Format.keepsObjects */
  readonly objects?: readonly unknown[];
}

/** One file format. Shared code asks `canWrite`, never the name. */
export interface Format {
  readonly name: string;
  readonly canWrite: boolean;
  /** Whether two names can share the bytes of one tensor; without it `layOut` is given no aliases. */
  readonly keepsAliases?: true;
  /** Whether a file can hold any object with tensors in it; without it `layOut` is given no objects. */
  readonly keepsObjects?: true;
  /** Judges by the first bytes (up to 512, fewer for a short file) and, last, by the name. */
  sniff(head: Uint8Array, path: string): boolean;
  /** Reads the header only; `source` stays open and belongs to the returned tensors' owner. */
  open(source: ByteSource, options?: OpenFileOptions): Promise<TensorFile>;
  /** Present when `canWrite`. Pure: no byte of a tensor is needed. */
  layOut?(
    entries: readonly { readonly name: string; readonly dtype: DType; readonly shape: Shape }[],
    metadata: Readonly<Record<string, string>>,
    extras?: LayOutExtras,
  ): FileLayout;
}
