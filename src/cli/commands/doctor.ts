import { type Finding, UsageError } from "../../core/index.ts";
import { diagnose, repair } from "../../index.ts";
import type { Diagnosis, RepairReport } from "../../verbs/index.ts";
import { bytesText, counted } from "../amounts.ts";
import { listed } from "../columns.ts";
import type { Answer, Call, Command } from "../command.ts";
import { findingCounts, sayFinding } from "../findings.ts";
import { Sections } from "../sections.ts";
import { readOptions, runOptions, writeOptions } from "../verb-options.ts";

export const doctorCommand: Command = async (call) => {
  requireTogether(call);
  const [source = "", ...adapters] = call.arguments;
  const { base, fix } = call.options;
  const file = call.options["adapter-config"];
  const options = {
    ...(await readOptions(call)),
    ...runOptions(call),
    adapters,
    ...(base !== undefined && { base }),
    ...(file !== undefined && { adapterConfigPath: file }),
  };
  if (fix) return repaired(await repair(source, { ...options, ...writeOptions(call) }));
  const report = await diagnose(source, {
    ...options,
    ...(call.options["metadata-only"] && { reads: false }),
  });
  // A note is worth knowing and nothing to repair: scripts may go on.
  return { report, text: diagnosisText(report), exitCode: report.isHealthy ? 0 : 1 };
};

/** Flags that mean something only with `--fix`, and the one that it needs. @throws UsageError */
function requireTogether({ options }: Call): void {
  if (options.fix && options.output === undefined) {
    throw new UsageError("TENON_OPTION_MISSING", "doctor: --output is missing, which --fix needs", {
      details: { verb: "doctor", option: "output" },
      hint: "Say where the repaired copy goes: -o OUT",
    });
  }
  const alone = (["output", "drop", "force", "dry-run", "max-shard-size"] as const).find(
    (name) => options[name] !== undefined,
  );
  if (options.fix || alone === undefined) return;
  throw new UsageError("TENON_OPTION_NOT_TAKEN", `doctor: --${alone} is for --fix, which is missing`, {
    details: { verb: "doctor", option: alone },
    hint: "Add --fix to write a repaired copy, or leave the flag out.",
  });
}

function diagnosisText({ source, base, layout, evidence, findings, read }: Diagnosis): Sections {
  const sections = new Sections().say("source", source);
  if (base !== undefined) sections.say("base", base);
  sections.say("layout", layout === undefined ? "could not be opened" : `${layout}: ${evidence.join("; ")}`);
  sections.say(
    "read",
    read.tensors === 0 ? "metadata only" : `${counted(read.tensors, "tensor")}, ${bytesText(read.bytes)}`,
  );
  for (const finding of findings) sayFinding(sections, finding);
  return sections.gap().say("found", findingCounts(findings));
}

/** Ends as `tenon doctor OUT` would, so that a script knows whether anything is left to look at. */
function repaired(report: RepairReport): Answer {
  const { source, output, layout, repaired: done, left, dropped, files, after } = report;
  const sections = new Sections().say("source", source);
  for (const { code, cause } of done)
    sections.say(files === undefined ? "to repair" : "repaired", `${code}: ${cause}`);
  if (dropped.length > 0) sections.say("dropped", listed(dropped, 4));
  const remaining: readonly Finding[] = after ?? left;
  for (const finding of remaining) sayFinding(sections, finding);
  if (remaining.length > 0) sections.gap();
  if (output === null) sections.say("output", "none: there is nothing to repair");
  else if (files === undefined) sections.say("output", `${output} (${layout}), dry run: nothing was written`);
  else
    sections
      .say("output", `${output} (${layout}, ${counted(files.length, "file")})`)
      .say("", `found there: ${findingCounts(remaining)}`);
  const isHealthy = remaining.every(({ severity }) => severity === "note");
  return { report, text: sections, exitCode: isHealthy ? 0 : 1 };
}
