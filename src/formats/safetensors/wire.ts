/**
 * The bytes of a safetensors file, frozen. Source: the README and `safetensors/src/tensor.rs` of
 * huggingface/safetensors; what we make of it is `docs/formats/safetensors.md`.
 *
 * u64 little-endian header length · header (JSON, padded with spaces) · data section
 */
export const lengthBytes = 8;

/** The header starts with `{`, for a cheap check of the magic. */
export const headerStart = 0x7b;

/** The writer fills the header with these, so that the data section starts at a multiple of `headerAlignment`. */
export const headerPadding = 0x20;
export const headerAlignment = 8;

/** The one key of the header that is not a tensor: a map of strings to strings. */
export const metadataKey = "__metadata__";

/** A value of the header, as spelled on disk. */
export interface TensorEntryWire {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Begin and end, counted from the start of the data section. */
  readonly data_offsets: readonly [number, number];
}

export const entryKeys: readonly string[] = ["dtype", "shape", "data_offsets"];
