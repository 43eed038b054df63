import { passedOver } from "../../core/index.ts";
import type { BaseInspection, Inspection, OptimizerInspection, TensorInspection } from "../../verbs/index.ts";
import { bytesText, counted, countText } from "../amounts.ts";
import { left, listed, right } from "../columns.ts";
import { Sections } from "../sections.ts";
import { shellWord } from "../shell-word.ts";
import { sayAdapter } from "./adapter.ts";
import { sayMoved } from "./moved.ts";

const adaptersShown = 8;

/** What `tenon inspect` prints for a person: about 40 lines, whatever the size of the model. */
export function inspectionText(report: Inspection): Sections {
  const { location, layout, evidence, files, companions, base, adapters, optimizer, trainer, moved } = report;
  const sections = new Sections()
    .say("source", location)
    .say("layout", `${layout}: ${evidence.join("; ")}`)
    .say("files", `${counted(files.count, "file")}, ${bytesText(files.bytes)}`);
  for (const sentence of report.observations.flatMap(({ facts }) =>
    passedOver(facts.map((each) => ({ facts: each }))),
  ))
    sections.say("", sentence);
  if (companions.length > 0) sections.say("", `beside the weights: ${listed(companions, 6)}`);
  if (base === null) sections.say("base", "none");
  else sayBase(sections, base);
  if (adapters.length === 0) sections.say("adapters", "none");
  for (const adapter of adapters.slice(0, adaptersShown)) sayAdapter(sections, adapter);
  if (adapters.length > adaptersShown)
    sections.say("", `and ${adapters.length - adaptersShown} more adapters`);
  if (optimizer !== null) sayOptimizer(sections, optimizer);
  if (trainer !== null) sayTrainer(sections, trainer);
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
  if (report.tensors !== undefined) sayTensors(sections, report.tensors);
  return sections;
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
  sections.table(
    kinds.map((kind) => [
      left(kind.kind),
      right(String(kind.tensors)),
      right(countText(kind.parameters)),
      right(bytesText(kind.bytes)),
      left(kind.byDtype.map(({ dtype }) => dtype).join(" ")),
    ]),
    {
      heads: [left("kind of parameter"), right("tensors"), right("elements"), right("bytes"), left("dtype")],
      more: "kinds",
    },
  );
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

function sayTrainer(
  sections: Sections,
  { documents, step, epoch }: NonNullable<Inspection["trainer"]>,
): void {
  sections.list("trainer", [
    ...(step === null ? [] : [`step ${step}`]),
    ...(epoch === null ? [] : [`epoch ${Number(epoch.toFixed(3))}`]),
    listed(documents, 6),
  ]);
}

/** All of them: that was asked for. */
function sayTensors(sections: Sections, tensors: readonly TensorInspection[]): void {
  sections.say("tensors", counted(tensors.length, "stored tensor"));
  sections.fullTable(
    tensors.map(({ name, dtype, shape, role, bytes }) => [
      left(name),
      left(dtype),
      left(`[${shape.join(", ")}]`),
      right(bytesText(bytes)),
      left(role),
    ]),
  );
}
