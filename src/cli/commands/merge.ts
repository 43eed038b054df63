import { merge } from "../../index.ts";
import type { MergeOptions, MergeReport } from "../../verbs/index.ts";
import { counted } from "../amounts.ts";
import { listed } from "../columns.ts";
import type { Call, Command } from "../command.ts";
import { sayExplanation } from "../explanation.ts";
import { Sections } from "../sections.ts";
import { readOptions, writeOptions } from "../verb-options.ts";

export const mergeCommand: Command = async (call) => {
  const [source = "", ...adapters] = call.arguments;
  const report = await merge(source, {
    ...(await readOptions(call)),
    ...writeOptions(call),
    ...mergeOptions(call),
    adapters,
  });
  return { report, text: mergeText(report), exitCode: 0 };
};

function mergeOptions({ options }: Call): Omit<MergeOptions, "output"> {
  const { base, adapter, rounding, accumulate, dtype, tied, digest, prove } = options;
  const initialAdapter = options["initial-adapter"];
  return {
    ...(base !== undefined && { base }),
    ...(adapter && { choose: adapter }),
    ...(rounding && { rounding }),
    ...(accumulate && { accumulate }),
    ...(dtype && { dtype: dtypes[dtype] }),
    ...(tied && { ties: tied }),
    ...(options["allow-unmatched"] && { allowUnmatched: true }),
    ...(options["allow-lost-base"] && { allowLostBase: true }),
    ...(initialAdapter !== undefined && { initialAdapter }),
    ...(options["residual-base"] && { hasResidualBase: true }),
    ...(options["from-master"] && { fromMaster: true }),
    ...(digest && { digest }),
    ...(prove && { prove }),
  };
}

const dtypes = { keep: "keep", bf16: "BF16", f16: "F16", f32: "F32" } as const;

function mergeText(report: MergeReport): Sections {
  const { output, explanation, adapters, ties, masters, dropped, warnings, certificate } = report;
  const sections = new Sections();
  for (const { label, weight, used, unused, ignored } of adapters) {
    const parts = [
      `${label}${weight === 1 ? "" : ` with weight ${weight}`}: ${counted(used.length, "tensor")} used`,
      ...(unused.length > 0 ? [`${unused.length} match nothing`] : []),
      ...(ignored.length > 0 ? [`${ignored.length} have no place in a merge`] : []),
    ];
    sections.say("adapter", parts.join(", "));
    for (const { name, reason } of unused.slice(0, 5)) sections.say("", `${name}: ${reason}`);
  }
  for (const { alias, owner, action, reason } of ties)
    sections.say("tie", `${alias} and ${owner}: ${action}, ${reason}`);
  for (const { source, tensors } of masters)
    sections.say("masters", `${counted(tensors.length, "tensor")} start from fp32 (${source})`);
  if (dropped.length > 0) sections.say("dropped", listed(dropped, 4));
  sayExplanation(sections, explanation, certificate === undefined);
  if (certificate !== undefined) {
    const proven = certificate.tensors.filter(({ provenRows }) => provenRows > 0);
    const rows = proven.reduce((sum, { provenRows }) => sum + provenRows, 0);
    const largest = Math.max(0, ...proven.map(({ maxError }) => maxError ?? 0));
    if (proven.length > 0)
      sections.say(
        "proof",
        `${counted(rows, "row")} of ${counted(proven.length, "tensor")} compared with f64: largest error ${largest.toPrecision(3)} roundings`,
      );
  }
  for (const warning of warnings) sections.say("warning", warning);
  return sections.say(
    "output",
    `${output}${certificate === undefined ? " (dry run: nothing was written)" : ""}`,
  );
}
