// What a merge says about itself, version 1: written beside the weights, read again by `read-certificate.ts`.
import { type DType, type Json, jsonText, type Shape } from "../core/index.ts";

/** Name of the certificate in an output directory. */
export const certificateName = "certificate.json";

/** The only version there is. A reader refuses any other: it could not know what it misses. */
export const certificateVersion = 1;

export interface CertificateAdapter {
  readonly name: string;
  /** What messages call it. */
  readonly label: string;
  /** The factor that its scaling was multiplied by. */
  readonly weight: number;
  /** Location of the source that it was read from. */
  readonly source: string;
  /** How many of its tensors went into the merge. */
  readonly used: number;
  /** Stored names that should have gone in and did not. */
  readonly unused: readonly NamedReason[];
  /** Stored names that a merge has no use for. */
  readonly ignored: readonly NamedReason[];
  /** Module path → scaling, without the weight. */
  readonly scaling: Readonly<Record<string, number>>;
}

export interface NamedReason {
  readonly name: string;
  readonly reason: string;
}

export interface CertificateTie {
  readonly alias: string;
  readonly owner: string;
  readonly action: "kept" | "untied";
  readonly reason: string;
}

export interface CertificateMasters {
  /** Location of the checkpoint whose optimizer holds them. */
  readonly source: string;
  /** Canonical names of parameters; an adapter's begin with its name. All others were taken from the model. */
  readonly tensors: readonly string[];
}

export interface CertificateTensor {
  /** As it is stored in `file`. */
  readonly name: string;
  /** Relative to the output. */
  readonly file: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** `xxh3-blocks:` and 16 hex digits; null if no digest was taken. */
  readonly digest: string | null;
  /** Elements whose bits are not the base's; null if the dtype changed. */
  readonly changed: number | null;
  /** How many steps made it; 0 for a copy. */
  readonly steps: number;
  /** Rows that were compared with an f64 reference. */
  readonly provenRows: number;
  /** Largest error of those rows, as `Outcome.maxError` defines it; null if none was proven. */
  readonly maxError: number | null;
  /** What the roundings of this tensor's steps can add up to, in the same unit; null if no row was proven. */
  readonly errorBound: number | null;
}

export interface CertificateFile {
  /** Relative to the output. */
  readonly path: string;
  readonly bytes: number;
  /** Of the whole file, 64 lower-case hex digits. */
  readonly sha256?: string | undefined;
}

export interface Certificate {
  readonly schema: "tenon-certificate";
  readonly version: 1;
  readonly verb: "merge";
  readonly tool: { readonly tenon: string };
  readonly sources: readonly {
    readonly location: string;
    readonly layout: string;
    readonly role: "base" | "adapter";
  }[];
  readonly rounding: "once" | "twice";
  readonly accumulate: "muladd" | "fma";
  readonly digest: "fast" | "sha256" | "none";
  readonly prove: "sample" | "full" | "none";
  readonly adapters: readonly CertificateAdapter[];
  readonly ties: readonly CertificateTie[];
  /** What was taken from fp32 masters; absent unless the merge was asked to start from them. */
  readonly masters?: readonly CertificateMasters[] | undefined;
  readonly tensors: readonly CertificateTensor[];
  readonly files: readonly CertificateFile[];
}

/** The text of a certificate, as it is written. */
export function certificateText(certificate: Certificate): string {
  return `${jsonText(certificate as unknown as Json, { indent: 2 })}\n`;
}
