// What tests of edits share: running one in memory, reading tensors, and the fixtures that have optimizers.
import { memorySink } from "../../src/bytes/index.ts";
import type { Tensor } from "../../src/core/index.ts";
import type { EditDifference, EditOptions, EditReport, Source } from "../../src/verbs/index.ts";
import type { Files } from "./converted.ts";
import { tenon } from "./tenon.ts";

export interface Edited {
  readonly files: Files;
  readonly report: EditReport;
  readonly difference: EditDifference;
}

export async function editInMemory(source: Source, options: Partial<EditOptions>): Promise<Edited> {
  const output = memorySink();
  const report = await tenon.edit(source, { output, ...options });
  return { files: output.files, report, difference: report.difference };
}

export async function bytesOf(tensor: Tensor | undefined): Promise<Uint8Array> {
  if (tensor === undefined) throw new Error("no tensor");
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return bytes;
}
