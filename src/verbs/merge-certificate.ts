import { type Checkpoint, ResourceError } from "../core/index.ts";
import { digestText, errorBound, type WrittenTensor } from "../execute/index.ts";
import type { BaseLayer, MergePlan } from "../plan/index.ts";
import { type Certificate, type CertificateTensor, certificateVersion } from "./certificate.ts";
import type { MergeOptions } from "./merge-options.ts";
import { tenonVersion } from "./version.ts";
import type { Written } from "./write-draft.ts";

interface MergeFacts {
  readonly plan: MergePlan;
  readonly layers: readonly BaseLayer[];
  readonly sources: readonly Checkpoint[];
  readonly options: MergeOptions;
}

/**
 * What a merge says about itself, once everything else is written. Two merges of the same files say the same.
 * @throws ResourceError TENON_MERGE_ERROR_BOUND
 */
export function certificateOf({ plan, layers, sources, options }: MergeFacts, written: Written): Certificate {
  const { rounding = "once", accumulate = "muladd", digest = "fast", prove = "sample" } = options;
  const bases = new Set(layers.map(({ label }) => label));
  const merged = new Set(plan.adapters.map(({ source }) => source));
  // A base may be opened twice: as it was given, and as what a delta stands on.
  const opened = sources.filter(
    ({ location }, at) => sources.findIndex((other) => other.location === location) === at,
  );
  return {
    schema: "tenon-certificate",
    version: certificateVersion,
    verb: "merge",
    tool: { tenon: tenonVersion },
    sources: opened.flatMap(({ location, layout }) => [
      ...(bases.has(location) ? [{ location, layout, role: "base" as const }] : []),
      ...(merged.has(location) || !bases.has(location)
        ? [{ location, layout, role: "adapter" as const }]
        : []),
    ]),
    rounding,
    accumulate,
    digest,
    prove,
    adapters: plan.adapters.map(({ used, scaling, ...adapter }) => ({
      ...adapter,
      used: used.length,
      scaling: Object.fromEntries(scaling),
    })),
    ties: plan.ties,
    ...(options.fromMaster === true && { masters: plan.masters }),
    tensors: written.tensors.map(({ file, name, task, outcome }): CertificateTensor => {
      const { dtype, shape, steps } = task.recipe;
      return {
        name,
        file,
        dtype,
        shape,
        digest: digest === "none" ? null : digestText(outcome.digest),
        changed: outcome.changed ?? null,
        steps: steps.length,
        ...proofOf({ file, name, task, outcome }),
      };
    }),
    files: written.files.map(({ path, byteLength, sha256 }) => ({
      path,
      bytes: byteLength,
      ...(sha256 && { sha256 }),
    })),
  };
}

/** A merge that is further from exact arithmetic than its roundings explain must not be committed. */
function proofOf({
  name,
  task,
  outcome,
}: WrittenTensor): Pick<CertificateTensor, "provenRows" | "maxError" | "errorBound"> {
  const { provenRows, maxError } = outcome;
  const bound = errorBound(task.recipe);
  if (provenRows === 0 || bound === undefined) return { provenRows, maxError: null, errorBound: null };
  if (maxError <= bound) return { provenRows, maxError, errorBound: bound };
  throw new ResourceError(
    "TENON_MERGE_ERROR_BOUND",
    `merge: "${name}" is ${maxError.toPrecision(3)} roundings from exact arithmetic, ${bound.toPrecision(3)} are allowed`,
    {
      details: { tensor: name, found: maxError, allowed: bound, provenRows },
      hint: "Merge again; if it happens again, report it with the adapter: nothing was written.",
    },
  );
}
