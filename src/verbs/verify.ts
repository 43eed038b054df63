import { readDocument } from "../bytes/index.ts";
import type { Checkpoint, Observation } from "../core/index.ts";
import { manifestFiles, readManifest } from "../layouts/index.ts";
import { type Certificate, certificateName } from "./certificate.ts";
import type { Host, Source } from "./host.ts";
import { openSource, treeOfCheckpoint } from "./open.ts";
import { parseCertificate } from "./read-certificate.ts";
import { Verification, type VerifyReport } from "./verification.ts";
import { compareWithCertificate, keyOf } from "./verify-certificate.ts";
import { type ExpectedFile, verifyFiles } from "./verify-files.ts";
import type { VerifyOptions } from "./verify-options.ts";
import { verifyReference } from "./verify-reference.ts";
import { readTensors, tensorsOf } from "./verify-tensors.ts";

/** @see Tenon.verify */
export async function verify(host: Host, source: Source, options: VerifyOptions = {}): Promise<VerifyReport> {
  const verification = new Verification();
  const damage: Observation[] = [];
  await using checkpoint = await openSource(host, source, {
    ...options,
    report: (observation) => damage.push(observation),
  });
  verification.looked("structure", checkpoint.files.length);
  for (const observation of damage) verification.damage(observation);
  // Only observed, because somebody listens; without a listener two tensors for one parameter stop the opening.
  for (const { code, names, facts } of checkpoint.observations)
    if (code === "TENON_NAMES_SAME_PARAMETER")
      verification.fail("structure", `${names.join(" and ")} both mean ${String(facts?.["parameter"])}`, {
        code,
      });
  const certificate = await certificateIn(checkpoint, verification);
  const read = await readTensors(host, checkpoint, verification, options);
  const expected = [
    ...(await manifestRecords(checkpoint, verification)),
    ...(certificate?.files ?? []).map((file) => ({ check: "certificate-files" as const, ...file })),
  ];
  await verifyFiles(host, checkpoint, expected, verification, options);
  if (certificate !== undefined) {
    const readable = new Set(read.map(({ tensor }) => keyOf(tensor)));
    const unread = new Set(
      tensorsOf(checkpoint)
        .map(keyOf)
        .filter((key) => !readable.has(key)),
    );
    compareWithCertificate(certificate, read, unread, verification);
  }
  const reference = await verifyReference(host, checkpoint, verification, options);
  const { checks, failures } = verification;
  return {
    location: checkpoint.location,
    layout: checkpoint.layout,
    isSound: failures.length === 0,
    isCompared: isCompared(checks, certificate, expected),
    tensors: tensorsOf(checkpoint).length,
    files: checkpoint.files.length,
    bytes: checkpoint.files.reduce((sum, { byteLength }) => sum + byteLength, 0),
    checks,
    failures,
    reference,
    nonFinite: read.flatMap(({ tensor: { name, file }, outcome: { nan, infinite } }) =>
      nan + infinite > 0 ? [{ name, file, nan, infinite }] : [],
    ),
  };
}

function isCompared(
  checks: VerifyReport["checks"],
  certificate: Certificate | undefined,
  expected: readonly ExpectedFile[],
): boolean {
  return (
    checks.some(({ check, count }) => (check === "crc32" || check === "reference") && count > 0) ||
    expected.some(({ sha256 }) => sha256 !== undefined) ||
    certificate?.tensors.some(({ digest }) => digest !== null) === true
  );
}

/**
 * A certificate that is damaged is a failure like others.
 * @throws UnsupportedError TENON_CERTIFICATE_VERSION
 */
async function certificateIn(
  checkpoint: Checkpoint,
  verification: Verification,
): Promise<Certificate | undefined> {
  if (!checkpoint.files.some(({ path }) => path === certificateName)) return undefined;
  try {
    const bytes = await readDocument(treeOfCheckpoint(checkpoint), certificateName);
    return await parseCertificate(new TextDecoder().decode(bytes));
  } catch (error) {
    verification.failBy("certificate-files", error, { file: certificateName });
    return undefined;
  }
}

/**
 * Files of tenon.json that are there with the size that it says: opening has complained about the others. A file that lies
 * among a component's and is not listed would be loaded with them.
 */
async function manifestRecords(checkpoint: Checkpoint, verification: Verification): Promise<ExpectedFile[]> {
  if (checkpoint.layout !== "tenon") return [];
  const listed = manifestFiles(await readManifest(treeOfCheckpoint(checkpoint)));
  const names = new Set(listed.map(({ path }) => path));
  const sizes = new Map(checkpoint.files.map(({ path, byteLength }) => [path, byteLength]));
  for (const path of sizes.keys()) {
    const isInside = /^(?:base|adapters|optimizer|trainer)\/(?:[^/]+\/)*[^./][^/]*$/.test(path);
    if (isInside && !names.has(path))
      verification.fail("manifest", "tenon.json does not list it", { file: path });
  }
  return listed
    .filter(({ path, bytes }) => sizes.get(path) === bytes)
    .map((file) => ({ check: "manifest", ...file }));
}
