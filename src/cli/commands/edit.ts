import { edit } from "../../index.ts";
import type { EditDifference } from "../../verbs/index.ts";
import { counted } from "../amounts.ts";
import { left, listed, right } from "../columns.ts";
import type { Command } from "../command.ts";
import { editChanges } from "../edit-changes.ts";
import { Sections } from "../sections.ts";
import { conversionOptions, conversionText } from "./conversion.ts";

export const editCommand: Command = async (call) => {
  const [source = ""] = call.arguments;
  const { to } = call.options;
  const report = await edit(source, {
    ...(await conversionOptions(call)),
    ...(await editChanges(call)),
    ...(to !== undefined && { to }),
    onDifference: (difference) => call.onPreview(differenceText(difference)),
  });
  return { report, text: conversionText(report), exitCode: 0 };
};

/** What changes, for a person: printed before anything is written. */
function differenceText(difference: EditDifference): Sections {
  const { stepsBefore, stepsAfter, trainedBefore, trainedAfter, paramGroups } = difference;
  const sections = new Sections();
  sections.say("step", arrow(stepsText(stepsBefore), stepsText(stepsAfter)));
  sections.say("trained", `${arrow(String(trainedBefore), String(trainedAfter))} parameters`);
  for (const { paramGroup, parametersBefore, parametersAfter, settings, changed } of paramGroups) {
    const count = arrow(String(parametersBefore ?? "new"), String(parametersAfter));
    const shown = ["lr", "weight_decay", "betas", "eps"].filter((key) => Object.hasOwn(settings, key));
    const facts = shown.map((key) => `${key} ${JSON.stringify(settings[key])}`);
    sections.list(`group ${paramGroup}`, [`${count} parameters`, ...facts]);
    for (const { key, before, after } of changed)
      sections.say("", `${key}: ${JSON.stringify(before)} → ${JSON.stringify(after)}`);
  }
  sayNames(sections, difference);
  sayAdapters(sections, difference);
  const { made, dropped, notes } = difference;
  if (made.length > 0) {
    sections.say("new", counted(made.length, "tensor"));
    sections.table(
      made.map(({ name, dtype, shape, how }) => [
        left(name),
        right(`${dtype} [${shape.join(", ")}]`),
        left(how),
      ]),
      { more: "tensors" },
    );
  }
  if (dropped.length > 0) sections.say("goes", `${counted(dropped.length, "tensor")}: ${listed(dropped, 6)}`);
  for (const note of notes) sections.say("note", note);
  return sections.gap();
}

function sayNames(sections: Sections, { frozen, rounded, unfrozen, moved }: EditDifference): void {
  if (frozen.length > 0)
    sections.say("frozen", `${counted(frozen.length, "parameter")}: ${listed(frozen, 6)}`);
  if (rounded.length > 0) {
    const lost = `the fp32 master of ${counted(rounded.length, "parameter")} is not exactly the stored weight, which stays, rounded`;
    sections.say("warning", `${lost}: ${listed(rounded, 6)}`);
  }
  if (unfrozen.length > 0) {
    const names = unfrozen.map(({ name, paramGroup }) => `${name} (group ${paramGroup})`);
    sections.say("unfrozen", `${counted(unfrozen.length, "parameter")}: ${listed(names, 6)}`);
  }
  if (moved.length > 0) {
    const names = moved.map(({ name, from, to }) => `${name} (${from} → ${to})`);
    sections.say("moved", `${counted(moved.length, "parameter")}: ${listed(names, 6)}`);
  }
}

function sayAdapters(
  sections: Sections,
  { adaptersAdded, adaptersRemoved, loraRanks }: EditDifference,
): void {
  for (const { name, modules, parameters } of adaptersAdded)
    sections.say(
      "adapter",
      `${name} is new: ${counted(modules, "module")}, ${counted(parameters, "parameter")}`,
    );
  for (const name of adaptersRemoved) sections.say("adapter", `${name} is removed`);
  for (const { adapter, modules, before, after, loraAlpha, isTruncated } of loraRanks) {
    const cut = isTruncated ? ", cut off" : "";
    sections.say(
      "adapter",
      `${adapter}: rank ${before.join(", ")} → ${after}${cut}, alpha ${loraAlpha.join(", ")}, in ${counted(modules, "module")}`,
    );
  }
}

function stepsText(steps: readonly number[]): string {
  return steps.length === 0 ? "none" : steps.join(", ");
}

/** `3 → 5`, or `3` where nothing changes. */
function arrow(before: string, after: string): string {
  return before === after ? after : `${before} → ${after}`;
}
