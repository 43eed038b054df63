// The checker of tenon.json. It is imported when one is read, not before: zod takes as long to load as Node itself.
// `scripts/tenon-schema.ts` writes docs/formats/tenon.schema.json from it.
import * as z from "zod";
import { type Manifest, manifestVersion } from "./schema.ts";

const file = z
  .strictObject({
    path: z.string().min(1).describe("Relative to the checkpoint, with / between segments."),
    bytes: z.int().nonnegative().describe("Length of the file."),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe("SHA-256 of the whole file."),
  })
  .describe("One file of a component.");

const files = z.array(file).describe("Every file of the component.");

const record = z.record(z.string(), z.json());

const base = z.strictObject({
  isComplete: z
    .boolean()
    .describe(
      "true: base/ is a whole transformers directory. false: base/delta.safetensors holds only what differs.",
    ),
  ties: z
    .record(z.string(), z.string())
    .describe("Parameters that are not stored because another one is the same tensor: alias to owner."),
  reference: z
    .strictObject({
      location: z.string().min(1).describe("A path, or hf://org/name@revision."),
      digests: z
        .record(z.string(), z.string().regex(/^[a-z0-9-]+:[0-9a-f]+$/))
        .describe("Canonical name to digest (algorithm:hex) of each tensor that is relied on."),
    })
    .optional()
    .describe("What an incomplete base stands on."),
  files,
});

/** The checker of a parsed tenon.json. Unknown keys are errors: version 1 has none. */
export const manifestSchema: z.ZodType<Manifest> = z
  .strictObject({
    schema: z.literal("tenon-checkpoint"),
    version: z.literal(manifestVersion),
    step: z.int().nonnegative().nullable().describe("Training step, if known."),
    components: z.strictObject({
      base: base.optional().describe("Parameters of the base model, in base/."),
      adapters: z
        .array(z.strictObject({ name: z.string().min(1), files }))
        .describe("PEFT directories, adapters/<name>/ each."),
      optimizer: z
        .strictObject({ files })
        .optional()
        .describe("Optimizer state by parameter name, in optimizer/."),
      trainer: z.strictObject({ files }).optional().describe("Trainer state, in trainer/."),
    }),
    lineage: z.array(record).describe("Checkpoints that this one was made from, nearest first."),
    origin: record.describe("Where it came from; free form."),
    tools: z.record(z.string(), z.string()).describe("Tool to version."),
  })
  .describe("Manifest of a tenon checkpoint, version 1.");
