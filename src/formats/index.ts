export type { FileLayout, Format, OpenFileOptions, TensorFile } from "./format.ts";
