import { diff } from "../../index.ts";
import type { ChangeRanks, DifferenceSum, DiffReport, Distance } from "../../verbs/index.ts";
import { counted, countText } from "../amounts.ts";
import { type Cell, left, right } from "../columns.ts";
import type { Command } from "../command.ts";
import { Sections } from "../sections.ts";
import { readOptions, runOptions } from "../verb-options.ts";

export const diffCommand: Command = async (call) => {
  const [a = "", b = ""] = call.arguments;
  const report = await diff(a, b, {
    ...(await readOptions(call)),
    ...runOptions(call),
    ...(call.options.rank && { rank: true }),
  });
  return { report, text: diffText(report), exitCode: 0 };
};

function diffText(report: DiffReport): Sections {
  const { a, b, isEqual, leftToBase, adapterPairs, notCompared, components, kinds, layers, tensors } = report;
  const sections = new Sections()
    .say("A", `${a.location} (${a.layout}, ${counted(a.tensors, "tensor")})`)
    .say("B", `${b.location} (${b.layout}, ${counted(b.tensors, "tensor")})`);
  for (const pair of adapterPairs) sections.say("", `adapter ${pair.a} of A is compared with ${pair.b} of B`);
  sections.list("result", isEqual ? ["equal, bit for bit"] : countsOf(report));
  if (leftToBase > 0)
    sections.say("", `${counted(leftToBase, "base parameter")} of one side are left to the other's base`);
  if (notCompared.length > 0) sections.say("", `not compared: ${notCompared.join(", ")}`);
  if (isEqual) return sections;
  for (const sum of components) {
    const [label, name] = sum.component.startsWith("adapter:")
      ? ["adapter", sum.component.slice(8)]
      : [sum.component];
    const [first = "", ...facts] = distanceFacts(sum);
    sections.list(label ?? "", [`${name === undefined ? "" : `${name}: `}${first}`, ...facts]);
  }
  layTable(sections, "kind of module", kinds);
  layTable(sections, "layer", layers);
  const named = tensors.filter(({ status }) => status !== "equal" && status !== "changed");
  if (named.length > 0) sections.say("tensors", "of another dtype or shape, added in B, or missing from it");
  sections.table(
    named.map(({ name, status }) => [left(name), left(status)]),
    { more: "tensors" },
  );
  return sections;
}

const words = {
  equal: "equal",
  changed: "changed",
  dtype: "of another dtype",
  shape: "of another shape",
  added: "added",
  missing: "missing",
};

function countsOf({ byStatus }: DiffReport): string[] {
  return (Object.keys(words) as (keyof typeof words)[])
    .filter((status) => byStatus[status] > 0)
    .map((status) => `${byStatus[status]} ${words[status]}`);
}

function distanceFacts({
  tensors,
  elements,
  changedElements,
  changeRanks,
  ...distance
}: DifferenceSum): string[] {
  return [
    counted(tensors, "tensor"),
    ...(changedElements === null
      ? []
      : [`${countText(changedElements)} of ${countText(elements)} elements differ`]),
    `norm ${numberText(distance.norm)}`,
    `relative ${numberText(distance.relativeNorm)}`,
    `largest ${numberText(distance.maxAbs)}`,
    ...(changeRanks === undefined ? [] : [`rank of changes ${rankText(changeRanks)}`]),
  ];
}

function layTable(sections: Sections, title: string, sums: readonly DifferenceSum[]): void {
  const moved = sums.filter(({ byStatus, tensors }) => byStatus.equal < tensors);
  if (moved.length === 0) return;
  const hasRanks = moved.some(({ changeRanks }) => changeRanks !== undefined);
  const heads = [
    left(title),
    right("differ"),
    right("elements"),
    right("norm"),
    right("relative"),
    right("largest"),
    ...(hasRanks ? [right("rank")] : []),
  ];
  const rows = moved.map((sum) => [
    left(`${ownerOf(sum)}${sum.name ?? "outside of layers"}`),
    right(`${sum.tensors - sum.byStatus.equal} of ${sum.tensors}`),
    right(sum.changedElements === null ? "–" : countText(sum.changedElements)),
    ...distanceCells(sum),
    ...(hasRanks ? [right(rankText(sum.changeRanks))] : []),
  ]);
  sections.table(rows, { heads });
}

/** The adapter that a row is of: layers of a base and its adapters go by one name. */
function ownerOf({ component }: DifferenceSum): string {
  return component.startsWith("adapter:") ? `${component.slice("adapter:".length)}: ` : "";
}

function distanceCells({ norm, relativeNorm, maxAbs }: Distance): Cell[] {
  return [norm, relativeNorm, maxAbs].map((value) => right(numberText(value)));
}

/** `16`, `4–16`, `> 64`. */
function rankText(ranks: ChangeRanks | undefined): string {
  if (ranks === undefined) return "–";
  const { least, most, isMore } = ranks;
  if (isMore) return least === most ? `> ${most}` : `${least} to > ${most}`;
  return least === most ? String(most) : `${least}–${most}`;
}

function numberText(value: number | null): string {
  return value === null ? "–" : value === 0 ? "0" : value.toPrecision(3);
}
