// The manifest of the tenon layout, version 1; `manifest-schema.ts` checks it.
import type { JsonRecord } from "../../core/index.ts";

/** Name of the manifest; its presence makes a directory a tenon checkpoint. */
export const manifestName = "tenon.json";

/** The only version there is. A reader refuses any other: it could not know what it misses. */
export const manifestVersion = 1;

/** One file, by its path in the checkpoint. */
export interface ManifestFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ManifestBase {
  readonly isComplete: boolean;
  /** Aliases that are not stored, as alias → owner. */
  readonly ties: Readonly<Record<string, string>>;
  readonly reference?:
    | { readonly location: string; readonly digests: Readonly<Record<string, string>> }
    | undefined;
  readonly files: readonly ManifestFile[];
}

export interface Manifest {
  readonly schema: "tenon-checkpoint";
  readonly version: 1;
  readonly step: number | null;
  readonly components: {
    readonly base?: ManifestBase | undefined;
    readonly adapters: readonly { readonly name: string; readonly files: readonly ManifestFile[] }[];
    readonly optimizer?: { readonly files: readonly ManifestFile[] } | undefined;
    readonly trainer?: { readonly files: readonly ManifestFile[] } | undefined;
  };
  readonly lineage: readonly JsonRecord[];
  readonly origin: JsonRecord;
  readonly tools: Readonly<Record<string, string>>;
}
