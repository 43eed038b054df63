import type { AdapterInspection } from "../../verbs/index.ts";
import { bytesText, counted, countText } from "../amounts.ts";
import { listed } from "../columns.ts";
import type { Sections } from "../sections.ts";

const targetsShown = 12;

export function sayAdapter(sections: Sections, adapter: AdapterInspection): void {
  const { name, type, ranks, scalings, loraAlpha, parameters, byDtype, modules, targets } = adapter;
  const flags = [
    ...(type !== null && type !== "LORA" ? [type] : []),
    ...(adapter.useRslora ? ["rsLoRA"] : []),
    ...(adapter.useDora ? ["DoRA"] : []),
    ...(adapter.hasLoraBias ? ["bias of B"] : []),
    ...(adapter.initialisation === null ? [] : [`initialised by ${adapter.initialisation}`]),
  ];
  const numbers = [
    ...(ranks.length > 0 ? [`rank ${settingsText(ranks)}`] : []),
    ...(loraAlpha === null ? [] : [`alpha ${loraAlpha}`]),
    ...(scalings !== null && scalings.length > 0 ? [`scaling ${settingsText(scalings)}`] : []),
  ];
  const amounts = [
    counted(modules, "module"),
    `${countText(parameters)} parameters`,
    byDtype.map(({ dtype, bytes }) => `${bytesText(bytes)} ${dtype}`).join(" + "),
  ];
  const facts = [...flags, ...numbers, ...amounts].filter((part) => part !== "");
  sections.list("adapter", [`${name}: ${facts[0] ?? ""}`, ...facts.slice(1)]);
  if (targets.length > 0) sections.list("", targetFacts(targets));
  for (const { kind, count, names } of adapter.replaced)
    sections.say(
      "",
      `carries ${counted(count, "base parameter")} (${replacementText(kind)}): ${listed(names, 3)}`,
    );
  for (const { module, rows } of adapter.tokenRows)
    sections.say("", `carries ${counted(rows, "row")} of ${module}`);
  if (adapter.problem !== null) sections.say("", `cannot be used: ${adapter.problem.message}`);
  else {
    const from = adapter.configFrom ?? "none, so that alpha is not known";
    const trained = adapter.baseModel === null ? "" : `, trained on ${adapter.baseModel}`;
    sections.say("", `config: ${from}${trained}`);
  }
}

function targetFacts(targets: AdapterInspection["targets"]): string[] {
  const [first, ...others] = targets
    .slice(0, targetsShown)
    .map((target) => `${target.name} × ${target.modules}`);
  const more = targets.length - targetsShown;
  return [`on ${first}`, ...others, ...(more > 0 ? [`and ${more} more kinds`] : [])];
}

/** `16`, or `16 on 28 and 8 on 4` where modules differ. */
function settingsText(settings: AdapterInspection["ranks"]): string {
  const [only, ...others] = settings;
  if (only !== undefined && others.length === 0) return numberText(only.value);
  const shown = settings.slice(0, 4).map(({ value, modules }) => `${numberText(value)} on ${modules}`);
  return [...shown, ...(settings.length > 4 ? [`${settings.length - 4} others`] : [])].join(" and ");
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function replacementText(kind: string): string {
  const words: Readonly<Record<string, string>> = {
    modulesToSave: "modules_to_save",
    bias: "biases",
    embedding: "saved embeddings",
    trainedBase: "trained base",
  };
  return words[kind] ?? kind;
}
