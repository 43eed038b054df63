import type { Format } from "./format.ts";
import { safetensors } from "./safetensors/index.ts";
import { torch } from "./torch/index.ts";

export type { FileLayout, Format, LayOutExtras, OpenFileOptions, TensorFile } from "./format.ts";
export { safetensors } from "./safetensors/index.ts";
export { openTensorFile, sniffFormat } from "./sniff.ts";
export { type StoredPlace, storedTensor } from "./stored-tensor.ts";
export * from "./torch/index.ts";

/** Every format, in the order in which messages list them. Sniffing asks all of them. */
export const formats: readonly Format[] = [safetensors, torch];
