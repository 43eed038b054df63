import { FormatError, parseJsonRecord, UnsupportedError } from "../core/index.ts";
import { type Certificate, certificateName, certificateVersion } from "./certificate.ts";

/**
 * Reads a certificate. What it names is not looked at.
 * @throws FormatError TENON_JSON_…, TENON_CERTIFICATE_MALFORMED; UnsupportedError TENON_CERTIFICATE_VERSION
 */
export async function parseCertificate(json: string, path: string = certificateName): Promise<Certificate> {
  const document = parseJsonRecord(json, { file: path });
  const { version } = document;
  if (typeof version === "number" && version !== certificateVersion) {
    throw new UnsupportedError(
      "TENON_CERTIFICATE_VERSION",
      `certificate: version ${version}; this tenon knows version ${certificateVersion} (${path})`,
      {
        details: { version, known: [certificateVersion] },
        hint: "Use the tenon that wrote it, or a newer one.",
      },
    );
  }
  const { certificateSchema } = await import("./certificate-schema.ts");
  const parsed = certificateSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path: at, message }) => `${at.join(".")}: ${message}`);
  throw new FormatError("TENON_CERTIFICATE_MALFORMED", `certificate: ${issues[0]} (${path})`, {
    details: { issues: issues.slice(0, 20) },
    hint: "Merge again: a certificate is not to be edited.",
  });
}
