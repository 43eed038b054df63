// Whether all files are of one save. A save that was interrupted over an older one leaves a mixture, in which the pieces of
// one tensor are of different steps.
import { FormatError, type Tensor } from "../../core/index.ts";
import type { ModelFile } from "./model-file.ts";
import type { OptimizerFile } from "./optimizer-file.ts";

/** @throws FormatError TENON_ZERO_MIXED_SAVES */
export async function refuseMixedSaves(
  models: readonly ModelFile[],
  optimizers: readonly OptimizerFile[],
): Promise<void> {
  const shapes = ({ shapes: all, frozenShapes }: ModelFile): string =>
    JSON.stringify([...(all ?? []), ...(frozenShapes ? [frozenShapes] : [])].map((each) => [...each]));
  same("ds_version", models, ({ fields }) => fields.text("ds_version"));
  same("global_steps", models, ({ fields }) => fields.count("global_steps"));
  same("param_shapes", models, shapes);
  same("ds_version", optimizers, ({ fields }) => fields.text("ds_version"));
  same("zero_stage", optimizers, ({ stage }) => stage);
  same("partition_count", optimizers, ({ partitionCounts }) => partitionCounts.join(", "));
  same("the number of flat buffers", optimizers, ({ masters }) => masters.length);
  const names = ({ states }: OptimizerFile): string =>
    states.map((state) => [...state.keys()].sort().join(", ")).join("; ");
  same("optimizer state", optimizers, names);
  const steps = new Map<OptimizerFile, number | undefined>();
  for (const file of optimizers) steps.set(file, await stepOf(file));
  same("step", optimizers, (file) => steps.get(file));
}

/** The step of the first flat buffer: a scalar of the file, or a plain number. */
async function stepOf({ states }: OptimizerFile): Promise<number | undefined> {
  const step = states[0]?.get("step");
  if (step === undefined || typeof step === "number") return step;
  return step.shape.length === 0 ? scalarOf(step) : undefined;
}

async function scalarOf(tensor: Tensor): Promise<number | undefined> {
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  const view = new DataView(bytes.buffer);
  if (tensor.dtype === "F32") return view.getFloat32(0, true);
  if (tensor.dtype === "F64") return view.getFloat64(0, true);
  return tensor.dtype === "I64" ? Number(view.getBigInt64(0, true)) : undefined;
}

function same<File extends { readonly path: string }>(
  what: string,
  files: readonly File[],
  fact: (file: File) => string | number | undefined,
): void {
  const found = new Map<string | number | undefined, string[]>();
  for (const file of files) {
    const value = fact(file);
    found.set(value, [...(found.get(value) ?? []), file.path]);
  }
  if (found.size < 2) return;
  const short = (value: string | number | undefined): string => {
    const text = value === undefined ? "absent" : String(value);
    return text.length > 40 ? `${text.slice(0, 40)}…` : text;
  };
  const listed = [...found].map(([value, [first = "", ...more]]) => {
    const others = more.length > 0 ? ` and ${more.length} more` : "";
    return `${short(value)} in ${first}${others}`;
  });
  throw new FormatError(
    "TENON_ZERO_MIXED_SAVES",
    `zero: files of different saves: ${what} is ${listed.slice(0, 3).join(", ")}`,
    {
      details: { what, files: [...found.values()].map(([first = ""]) => first).slice(0, 10) },
      hint: "Take another save, or copy this one again whole.",
    },
  );
}
