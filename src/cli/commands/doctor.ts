import { diagnose } from "../../index.ts";
import type { Diagnosis } from "../../verbs/index.ts";
import { bytesText, counted } from "../amounts.ts";
import { listed } from "../columns.ts";
import type { Command } from "../command.ts";
import { Sections } from "../sections.ts";
import { readOptions, runOptions } from "../verb-options.ts";

export const doctorCommand: Command = async (call) => {
  const [source = "", ...adapters] = call.arguments;
  const { base } = call.options;
  const report = await diagnose(source, {
    ...(await readOptions(call)),
    ...runOptions(call),
    adapters,
    ...(base !== undefined && { base }),
    ...(call.options["metadata-only"] && { reads: false }),
  });
  // A note is worth knowing and nothing to repair: scripts may go on.
  return { report, text: diagnosisText(report), exitCode: report.isHealthy ? 0 : 1 };
};

export function diagnosisText({ source, base, layout, evidence, findings, read }: Diagnosis): string {
  const sections = new Sections().say("source", source);
  if (base !== undefined) sections.say("base", base);
  sections.say("layout", layout === undefined ? "could not be opened" : `${layout}: ${evidence.join("; ")}`);
  sections.say(
    "read",
    read.tensors === 0 ? "metadata only" : `${counted(read.tensors, "tensor")}, ${bytesText(read.bytes)}`,
  );
  for (const { code, severity, cause, evidence: proof, remedy, fixable } of findings) {
    sections.gap().say(severity, code).say("", cause);
    if (proof.names.length > 0) sections.say("", `${proof.count}: ${listed(proof.names, 3, proof.count)}`);
    const can = fixable ? " (nothing has to be guessed)" : "";
    if (remedy.startsWith("tenon ")) sections.say("", `remedy${can}:`).command(remedy);
    else sections.say("", `remedy: ${remedy}`);
  }
  return sections.gap().say("found", summaryOf(findings)).toString();
}

function summaryOf(findings: Diagnosis["findings"]): string {
  if (findings.length === 0) return "nothing wrong";
  const of = (severity: Diagnosis["findings"][number]["severity"]): number =>
    findings.filter((finding) => finding.severity === severity).length;
  return [
    ...(of("error") > 0 ? [counted(of("error"), "error")] : []),
    ...(of("warning") > 0 ? [counted(of("warning"), "warning")] : []),
    ...(of("note") > 0 ? [counted(of("note"), "note")] : []),
  ].join(", ");
}
