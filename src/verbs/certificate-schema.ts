// The checker of a certificate. It is imported when one is read, not before: zod takes as long to load as Node itself.
import * as z from "zod";
import { type DType, isDType } from "../core/index.ts";
import { type Certificate, certificateVersion } from "./certificate.ts";

const count = z.int().nonnegative();
const text = z.string().min(1);
const reasons = z.array(z.strictObject({ name: z.string(), reason: z.string() }));

/** The checker of a parsed certificate. Unknown keys are errors: version 1 has none. */
export const certificateSchema: z.ZodType<Certificate> = z.strictObject({
  schema: z.literal("tenon-certificate"),
  version: z.literal(certificateVersion),
  verb: z.literal("merge"),
  tool: z.strictObject({ tenon: text }),
  sources: z.array(z.strictObject({ location: text, layout: text, role: z.enum(["base", "adapter"]) })),
  rounding: z.enum(["once", "twice"]),
  accumulate: z.enum(["muladd", "fma"]),
  digest: z.enum(["fast", "sha256", "none"]),
  prove: z.enum(["sample", "full", "none"]),
  adapters: z.array(
    z.strictObject({
      name: text,
      label: z.string(),
      weight: z.number(),
      source: text,
      used: count,
      unused: reasons,
      ignored: reasons,
      scaling: z.record(z.string(), z.number()),
    }),
  ),
  ties: z.array(
    z.strictObject({ alias: text, owner: text, action: z.enum(["kept", "untied"]), reason: z.string() }),
  ),
  masters: z.array(z.strictObject({ source: text, tensors: z.array(text) })).optional(),
  tensors: z.array(
    z.strictObject({
      name: text,
      file: text,
      dtype: z.custom<DType>(isDType, "not a dtype"),
      shape: z.array(count),
      digest: z
        .string()
        .regex(/^xxh3-blocks:[0-9a-f]{16}$/)
        .nullable(),
      changed: count.nullable(),
      steps: count,
      provenRows: count,
      maxError: z.number().nonnegative().nullable(),
      errorBound: z.number().positive().nullable(),
    }),
  ),
  files: z.array(
    z.strictObject({
      path: text,
      bytes: count,
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional(),
    }),
  ),
});
