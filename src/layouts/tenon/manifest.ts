import type { SourceTree } from "../../bytes/index.ts";
import {
  type Draft,
  FormatError,
  isJsonRecord,
  type Json,
  type JsonRecord,
  jsonText,
  safeFileName,
  safeRelativePath,
  UnsupportedError,
} from "../../core/index.ts";
import { readJsonDocument } from "../documents.ts";
import type { WrittenFile } from "../layout.ts";
import { indexBytesLimit } from "../limits.ts";
import { type Manifest, type ManifestFile, manifestName, manifestVersion } from "./schema.ts";

/**
 * Reads and checks tenon.json. The files that it names are not looked at.
 * @throws FormatError TENON_MANIFEST_MALFORMED, TENON_PATH_UNSAFE; UnsupportedError TENON_MANIFEST_VERSION
 */
export async function readManifest(tree: SourceTree): Promise<Manifest> {
  const document = await readJsonDocument(tree, manifestName, { limitBytes: indexBytesLimit });
  const version = document["version"];
  if (typeof version === "number" && version !== manifestVersion) {
    throw new UnsupportedError(
      "TENON_MANIFEST_VERSION",
      `tenon: manifest version ${version}; this tenon knows version ${manifestVersion} (${manifestName})`,
      {
        details: { version, known: [manifestVersion] },
        hint: "Use the tenon that wrote it, or a newer one.",
      },
    );
  }
  const { manifestSchema } = await import("./manifest-schema.ts");
  const parsed = manifestSchema.safeParse(document);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new FormatError("TENON_MANIFEST_MALFORMED", `tenon: ${issues[0]} (${manifestName})`, {
      details: { issues: issues.slice(0, 20) },
    });
  }
  const { components } = parsed.data;
  checkFiles(components.base?.files, "base/");
  const names = new Set<string>();
  for (const { name, files } of components.adapters) {
    checkFiles(files, `adapters/${safeFileName(name, manifestName)}/`);
    if (names.has(name)) {
      const message = `tenon: two adapters are called ${JSON.stringify(name)} (${manifestName})`;
      throw new FormatError("TENON_MANIFEST_MALFORMED", message, { details: { adapter: name } });
    }
    names.add(name);
  }
  checkFiles(components.optimizer?.files, "optimizer/");
  checkFiles(components.trainer?.files, "trainer/");
  return parsed.data;
}

function checkFiles(files: readonly ManifestFile[] | undefined, directory: string): void {
  for (const { path } of files ?? []) {
    if (safeRelativePath(path, manifestName).startsWith(directory)) continue;
    const message = `tenon: ${JSON.stringify(path)} is listed for ${directory}, where it does not lie (${manifestName})`;
    throw new FormatError("TENON_MANIFEST_MALFORMED", message, { details: { path, directory } });
  }
}

/** All files that a manifest names. */
export function manifestFiles(manifest: Manifest): readonly ManifestFile[] {
  const { base, adapters, optimizer, trainer } = manifest.components;
  return [base, ...adapters, optimizer, trainer].flatMap((component) => component?.files ?? []);
}

/**
 * The manifest of a draft whose files have been written. `origin` of the draft is recorded as it is, but for its
 * `lineage` (a list) and `tools` (tool → version), which have fields of their own.
 */
export function manifestFor(draft: Draft, written: readonly WrittenFile[]): Manifest {
  const inside = (directory: string): ManifestFile[] =>
    written
      .filter(({ path }) => path.startsWith(directory))
      .map(({ path, byteLength, sha256 }) => ({ path, bytes: byteLength, sha256 }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  const { lineage, tools, ...origin } = draft.origin;
  const { base } = draft;
  return {
    schema: "tenon-checkpoint",
    version: manifestVersion,
    step: stepOf(draft),
    components: {
      ...(base && {
        base: {
          isComplete: base.isComplete,
          ties: recordOf(base.ties),
          ...(base.reference && {
            reference: {
              location: base.reference.location,
              digests: recordOf(base.reference.digests),
            },
          }),
          files: inside("base/"),
        },
      }),
      adapters: draft.adapters.map(({ name }) => ({ name, files: inside(`adapters/${name}/`) })),
      ...(draft.optimizer && { optimizer: { files: inside("optimizer/") } }),
      ...(draft.trainer && { trainer: { files: inside("trainer/") } }),
    },
    lineage: Array.isArray(lineage) ? (lineage as readonly Json[]).filter(isJsonRecord) : [],
    origin,
    tools: isJsonRecord(tools) ? stringsOf(tools) : {},
  };
}

export function manifestText(manifest: Manifest): string {
  return `${jsonText(manifest as unknown as JsonRecord, { indent: 2 })}\n`;
}

function stringsOf(record: JsonRecord): Record<string, string> {
  return recordOf(Object.entries(record).map(([key, value]) => [key, String(value)]));
}

/** Names come from files, so the record has no prototype that one of them could meet. */
function recordOf(entries: Iterable<readonly [string, string]>): Record<string, string> {
  const record = Object.create(null) as Record<string, string>;
  for (const [key, value] of entries) record[key] = value;
  return record;
}

/** `global_step` of the trainer's own state, which every trainer that tenon reads calls so. */
function stepOf(draft: Draft): number | null {
  for (const document of draft.trainer?.documents.values() ?? []) {
    const step = document["global_step"];
    if (typeof step === "number" && Number.isSafeInteger(step) && step >= 0) return step;
  }
  return null;
}
