// What a universal checkpoint has no place for and tenon keeps all the same, in the model file under a key of its own, as JSON
// text: DeepSpeed hands keys that it does not know back to the training script and does nothing with them.
import * as z from "zod";
import { FormatError, type Json, type JsonRecord, jsonText, parseJsonRecord } from "../../../core/index.ts";
import type { ModelFile } from "../model-file.ts";
import { markerKey } from "./wire.ts";

export interface Marker {
  readonly version: 1;
  /** Of the save that it belongs to: a script may hand the key on to later saves. */
  readonly globalSteps: number;
  /** Whether `base/` is a whole model, `module` a part of one, or there is neither. */
  readonly base: "whole" | "part" | "none";
  /** Adapters in `adapters/<name>/`. */
  readonly adapters: readonly string[];
  /** Folder of a trained parameter → canonical name. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Canonical names: alias → owner. */
  readonly ties: ReadonlyMap<string, string>;
  /** The trainer's documents beyond what DeepSpeed keeps. */
  readonly documents: ReadonlyMap<string, JsonRecord>;
}

const names = z.record(z.string(), z.string());
const schema = z.strictObject({
  version: z.literal(1),
  globalSteps: z.int().nonnegative(),
  base: z.enum(["whole", "part", "none"]),
  adapters: z.array(z.string()),
  parameters: names,
  ties: names,
  documents: z.record(z.string(), z.record(z.string(), z.unknown())),
});

export function markerText({ parameters, ties, documents, adapters, ...rest }: Marker): string {
  return jsonText({
    ...rest,
    adapters: [...adapters],
    parameters: recordOf(parameters),
    ties: recordOf(ties),
    documents: recordOf(documents),
  });
}

/** Undefined where the file has none, or has one that came with an earlier save. @throws FormatError TENON_UNIVERSAL_MARKER */
export function markerOf({ fields, path }: ModelFile): Marker | undefined {
  const text = fields.get(markerKey);
  if (text === undefined) return undefined;
  if (typeof text !== "string") throw malformed("it is no text", path);
  const parsed = schema.safeParse(parseJsonRecord(text, { file: path, allowNonFinite: true }));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`${issue?.path.join(".") || "it"}: ${issue?.message}`, path);
  }
  const { parameters, ties, documents, ...rest } = parsed.data;
  if (rest.globalSteps !== fields.get("global_steps")) return undefined;
  return {
    ...rest,
    parameters: new Map(Object.entries(parameters)),
    ties: new Map(Object.entries(ties)),
    documents: new Map(Object.entries(documents) as [string, JsonRecord][]),
  };
}

function recordOf(map: ReadonlyMap<string, Json>): JsonRecord {
  const record = Object.create(null) as Record<string, Json>;
  for (const [key, value] of map) record[key] = value;
  return record;
}

function malformed(what: string, path: string): FormatError {
  return new FormatError(
    "TENON_UNIVERSAL_MARKER",
    `universal: tenon's own note is damaged: ${what} (${path})`,
    {
      details: { path },
      hint: "Write the checkpoint again.",
    },
  );
}
