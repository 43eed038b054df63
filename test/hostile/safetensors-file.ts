import { safetensors, type TensorFile } from "../../src/formats/index.ts";
import { sourceOf } from "../contract/format.contract.ts";
import { fileOf } from "../formats/safetensors/file.ts";

export { entry, fileOf } from "../formats/safetensors/file.ts";

/** Opens a safetensors file with this header and data section. */
export async function openFileOf(...parts: Parameters<typeof fileOf>): Promise<TensorFile> {
  return safetensors.open(await sourceOf(fileOf(...parts), "model.safetensors"));
}
