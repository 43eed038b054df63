import type { Finding } from "../core/index.ts";
import { counted } from "./amounts.ts";
import { listed } from "./columns.ts";
import type { Sections } from "./sections.ts";

/** One finding: what, why, how it shows, and what to do. */
export function sayFinding(sections: Sections, finding: Finding): void {
  const { code, severity, cause, evidence, remedy, fixable } = finding;
  sections.gap().say(severity, code).say("", cause);
  if (evidence.names.length > 0)
    sections.say("", `${evidence.count}: ${listed(evidence.names, 3, evidence.count)}`);
  const can = fixable ? " (nothing has to be guessed)" : "";
  if (remedy.startsWith("tenon ")) sections.say("", `remedy${can}:`).command(remedy);
  else sections.say("", `remedy: ${remedy}`);
}

/** `2 errors, 1 note`, or that there is nothing. */
export function findingCounts(findings: readonly Finding[]): string {
  const counts = (["error", "warning", "note"] as const)
    .map(
      (severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const,
    )
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => counted(count, severity));
  return counts.length === 0 ? "nothing wrong" : counts.join(", ");
}
