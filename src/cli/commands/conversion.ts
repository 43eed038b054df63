import { passedOver } from "../../core/index.ts";
import type { ConversionReport, ConvertOptions } from "../../verbs/index.ts";
import { bytesText, counted } from "../amounts.ts";
import { listed } from "../columns.ts";
import type { Call } from "../command.ts";
import { sayExplanation } from "../explanation.ts";
import { Sections } from "../sections.ts";
import { shellWord } from "../shell-word.ts";
import { readOptions, writeOptions } from "../verb-options.ts";

/** Flags that split and convert share. */
export async function conversionOptions(call: Call): Promise<Omit<ConvertOptions, "to">> {
  const { base } = call.options;
  return {
    ...(await readOptions(call)),
    ...writeOptions(call),
    ...(base !== undefined && { base }),
  };
}

export function conversionText(report: ConversionReport): Sections {
  const { source, layout, output, base, adapters, optimizerStates, trainerDocuments, files } = report;
  const { masters, dropped, folded, left, observations, advice, explanation } = report;
  const sections = new Sections().say("source", `${source.location} (${source.layout})`);
  for (const sentence of passedOver(observations)) sections.say("", sentence);
  if (base === null) sections.say("base", "none");
  else {
    const { tensors, bytes, isComplete, reference, hasConfig } = base;
    sections.list("base", [
      isComplete ? "whole" : "a part",
      counted(tensors, "tensor"),
      bytesText(bytes),
      ...(hasConfig ? [] : ["no config.json"]),
    ]);
    if (reference !== null)
      sections.say("", `stands on ${reference.location}, ${counted(reference.relied, "tensor")} by digest`);
  }
  for (const { name, tensors, hasConfig } of adapters) {
    const without = hasConfig ? "" : ", without a config: alpha is not known";
    sections.say("adapter", `${name}: ${counted(tensors, "tensor")}${without}`);
  }
  if (optimizerStates > 0) sections.say("optimizer", `state of ${counted(optimizerStates, "parameter")}`);
  if (trainerDocuments.length > 0) sections.say("trainer", listed(trainerDocuments, 6));
  if (folded.length > 0)
    sections.say(
      "folded",
      `${counted(folded.length, "parameter")} of adapters into the base: ${listed(folded, 4)}`,
    );
  if (masters.length > 0)
    sections.say("masters", `${counted(masters.length, "tensor")} written from fp32 masters`);
  if (dropped.length > 0) sections.say("dropped", listed(dropped, 4));
  if (left.length > 0) sections.say("left behind", listed(left, 6));
  for (const code of new Set(observations.map((observation) => observation.code)))
    sections.say("noticed", code);
  if (observations.length > 0)
    sections.say("", "what it means:").command(`tenon doctor ${shellWord(source.location)}`);
  for (const sentence of advice) sections.say("note", sentence);
  sayExplanation(sections, explanation, files === undefined);
  return sections.say(
    "output",
    `${output} (${layout})${files === undefined ? ", dry run: nothing was written" : ""}`,
  );
}
