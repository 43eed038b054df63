import { inspect } from "../../index.ts";
import type {
  AdapterInspection,
  BaseInspection,
  Inspection,
  MovedInspection,
  OptimizerInspection,
} from "../../verbs/index.ts";
import { bytesText, counted, countText } from "../amounts.ts";
import { type Cell, columns, left, listed, right } from "../columns.ts";
import type { Command } from "../command.ts";
import { Sections } from "../sections.ts";
import { shellWord } from "../shell-word.ts";
import { readOptions, runOptions } from "../verb-options.ts";

/** Rows of one table that are shown; `--json` has all of them. */
const rowsShown = 24;

export const inspectCommand: Command = async (call) => {
  const [source = ""] = call.arguments;
  const { base, tensors } = call.options;
  const report = await inspect(source, {
    ...(await readOptions(call)),
    ...runOptions(call),
    ...(base !== undefined && { base }),
    ...(tensors && { tensors }),
  });
  return { report, text: inspectionText(report), exitCode: 0 };
};

function inspectionText(report: Inspection): string {
  const { location, layout, evidence, files, companions, base, adapters, optimizer, trainer, moved } = report;
  const sections = new Sections()
    .say("source", location)
    .say("layout", `${layout}: ${evidence.join("; ")}`)
    .say("files", `${counted(files.count, "file")}, ${bytesText(files.bytes)}`);
  if (companions.length > 0) sections.say("", `beside the weights: ${listed(companions, 6)}`);
  if (base === null) sections.say("base", "none");
  else sayBase(sections, base);
  if (adapters.length === 0) sections.say("adapters", "none");
  for (const adapter of adapters.slice(0, rowsShown)) sayAdapter(sections, adapter);
  if (adapters.length > rowsShown) sections.say("", `and ${adapters.length - rowsShown} more adapters`);
  if (optimizer !== null) sayOptimizer(sections, optimizer);
  if (trainer !== null) {
    const { documents, step, epoch } = trainer;
    const where = [
      ...(step === null ? [] : [`step ${step}`]),
      ...(epoch === null ? [] : [`epoch ${Number(epoch.toFixed(3))}`]),
    ];
    sections.list("trainer", [...where, listed(documents, 6)]);
  }
  for (const { role, count, names } of report.others)
    sections.say("other", `${counted(count, `${role} tensor`)}: ${listed(names, 4)}`);
  for (const { code, count, meaning } of report.observations)
    sections.say(
      "noticed",
      `${code}${count > 1 ? ` × ${count}` : ""}${meaning === null ? "" : `: ${meaning}`}`,
    );
  if (report.observations.length > 0)
    sections.say("", "what to do about it:").command(`tenon doctor ${shellWord(location)}`);
  if (moved !== undefined) sayMoved(sections, moved);
  if (report.tensors !== undefined) {
    sections.say("tensors", counted(report.tensors.length, "stored tensor"));
    sections.lay(
      columns(
        report.tensors.map(({ name, dtype, shape, role, bytes }) => [
          left(name),
          left(dtype),
          left(`[${shape.join(", ")}]`),
          right(bytesText(bytes)),
          left(role),
        ]),
        "  ",
      ),
    );
  }
  return sections.toString();
}

function sayBase(sections: Sections, base: BaseInspection): void {
  const { tensors, parameters, byDtype, isComplete, modelType, ties, reference, shards, kinds } = base;
  sections.list("base", [
    ...(modelType === null ? [] : [modelType]),
    isComplete ? "whole" : "only a part of the model",
    counted(tensors, "tensor"),
    `${countText(parameters)} parameters`,
    byDtype.map(({ dtype, bytes }) => `${bytesText(bytes)} ${dtype}`).join(" + "),
    ...(shards > 1 ? [`${shards} shards`] : []),
  ]);
  if (reference !== null) sections.say("", `stands on ${reference}`);
  if (ties.length > 0)
    sections.say(
      "",
      `tied: ${listed(
        ties.map(({ alias, owner }) => `${alias} is ${owner}`),
        3,
      )}`,
    );
  const rows = kinds
    .slice(0, rowsShown)
    .map((kind): Cell[] => [
      left(kind.kind),
      right(String(kind.tensors)),
      right(countText(kind.parameters)),
      right(bytesText(kind.bytes)),
      left(kind.byDtype.map(({ dtype }) => dtype).join(" ")),
    ]);
  const heads = [
    left("kind of parameter"),
    right("tensors"),
    right("elements"),
    right("bytes"),
    left("dtype"),
  ];
  sections.lay(columns([heads, ...rows], "  "));
  if (kinds.length > rowsShown) sections.lay([`  and ${kinds.length - rowsShown} more kinds`]);
}

function sayAdapter(sections: Sections, adapter: AdapterInspection): void {
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
  if (targets.length > 0)
    sections.say(
      "",
      `on ${listed(
        targets.map((target) => `${target.name} × ${target.modules}`),
        12,
      )}`,
    );
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

function sayOptimizer(
  sections: Sections,
  { file, states, bytes, stateNames, groups }: OptimizerInspection,
): void {
  const names = stateNames.map(({ name }) => name).join(", ");
  const parts = [
    file,
    `state of ${counted(states, "parameter")}${names === "" ? "" : ` (${names})`}`,
    counted(groups.length, "param group"),
    bytesText(bytes),
  ];
  sections.list("optimizer", parts);
}

function sayMoved(sections: Sections, moved: MovedInspection): void {
  const { base, compared, equal, changed, kinds, addedNames, missingNames, reshaped } = moved;
  sections.say(
    "moved",
    `${changed} of ${counted(compared, "parameter")} changed, ${equal} equal bit for bit`,
  );
  sections.say("", `against ${base}`);
  const rows = kinds.filter((kind) => kind.changed > 0);
  sections.lay(
    columns(
      rows.slice(0, rowsShown).map((kind) => [left(kind.kind), right(`${kind.changed} of ${kind.compared}`)]),
      "  ",
    ),
  );
  if (rows.length > rowsShown) sections.lay([`  and ${rows.length - rowsShown} more kinds`]);
  if (addedNames.length > 0) sections.say("", `not in the base: ${listed(addedNames, 4)}`);
  if (missingNames.length > 0) sections.say("", `only in the base: ${listed(missingNames, 4)}`);
  if (reshaped.length > 0)
    sections.say(
      "",
      `other shapes: ${listed(
        reshaped.map(
          ({ name, shape, baseShape }) => `${name} [${shape.join(", ")}] for [${baseShape.join(", ")}]`,
        ),
        2,
      )}`,
    );
}
