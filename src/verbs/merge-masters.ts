import { type Checkpoint, type DType, elementCount, PlanError } from "../core/index.ts";
import { inspectTensors, isProvenDType, roundingUnit } from "../execute/index.ts";
import type { Masters } from "../plan/index.ts";
import type { Host } from "./host.ts";
import type { WriteOptions } from "./options.ts";
import { planRun } from "./run.ts";
import { resolver } from "./write-draft.ts";

/**
 * Compares masters with the model's own tensors, which the engine made of them by rounding: over a tensor they must not be
 * further apart than that. Reads both, whole; a dry run does not.
 * @throws PlanError TENON_MASTER_DIFFERS
 */
export async function compareMasters(
  host: Host,
  { placed }: Pick<Masters, "placed">,
  sources: readonly Checkpoint[],
  options: WriteOptions,
  verb = "merge",
): Promise<void> {
  if (options.dryRun === true) return;
  // Stage 3 of ZeRO keeps nothing else: the master is the model's own tensor.
  const pairs = placed.filter(({ model, master }) => model.id !== master.id);
  if (pairs.length === 0) return;
  const run = planRun(host, options);
  const outcomes = await inspectTensors(
    pairs.map(({ name, model, master }) => ({
      kind: "inspect",
      name,
      tensor: master,
      against: model,
      scan: false,
    })),
    {
      resolve: resolver(sources),
      digest: "none",
      kernelBytes: run.kernelBytes,
      task: "compare masters",
      ...(run.runInThreads && { runInThreads: run.runInThreads }),
      ...(options.onProgress && { onProgress: options.onProgress }),
      ...(options.signal && { signal: options.signal }),
    },
  );
  for (const [at, { name, source, model }] of pairs.entries()) {
    const { sumSquares = 0, sumSquaresA = 0 } = outcomes[at] ?? {};
    const found = Math.sqrt(sumSquares);
    const allowed = allowedDistance(model.dtype, Math.sqrt(sumSquaresA), elementCount(model.shape));
    if (found <= allowed) continue;
    const message = `${verb}: the fp32 master of "${name}" is ${found.toPrecision(3)} from the model's tensor (norm of the difference), rounding to ${model.dtype} explains ${allowed.toPrecision(3)} (${source})`;
    throw new PlanError("TENON_MASTER_DIFFERS", message, {
      details: { tensor: name, found, allowed, source },
      hint: "Model and optimizer are not of one step: give a save that is whole. To take what the model holds, leave out --from-master.",
    });
  }
}

/** The norm of what rounding can take from a tensor of this norm; none from F64. A little more, for sums taken in f64. */
function allowedDistance(dtype: DType, norm: number, count: number): number {
  if (!isProvenDType(dtype)) return 0;
  return 1.01 * (roundingUnit(dtype, norm) + Math.sqrt(count) * roundingUnit(dtype, 0));
}
