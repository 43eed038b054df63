import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { layouts } from "../../src/layouts/index.ts";
import { groupsOf } from "../layouts/zero/cases.ts";
import { configAt } from "./converted.ts";
import { cellOf, type MatrixSource } from "./matrix.ts";

// The table of docs/guide/resume.md, each cell found by converting.

const zeroConfig = { given: { adapterConfig: configAt("universal/z2-w2-bf16") } };
const hybridConfig = { given: { adapterConfig: configAt("hybrid/qv/save-pretrained") } };

/** Two parameters of one shape, of which one is frozen, stand side by side: order and shapes do not tell them apart. */
const counted = groupsOf("z0-w2-bf16").flatMap(({ names }) => names);

const sources: Readonly<Record<string, MatrixSource>> = {
  "DeepSpeed, stage 1": { path: "zero/z1-w2-bf16", ...zeroConfig },
  "DeepSpeed, stage 2": { path: "zero/z2-w2-bf16", ...zeroConfig },
  "DeepSpeed, stage 3": { path: "zero/z3-w2-bf16", ...zeroConfig },
  "DeepSpeed, stage 0": { path: "zero/z0-w2-bf16", given: { ...zeroConfig.given, paramOrder: counted } },
  universal: { path: "universal/z2-w2-bf16" },
  "Trainer, LoRA alone": { path: "optimizer/trainer-lora" },
  Accelerate: { path: "hybrid/qv/accelerator-save-state", ...hybridConfig },
  "FSDP, DCP": { path: "dcp/fsdp2-w3", given: { alpha: 4 } },
};

const rows = tableOf("docs/guide/resume.md");
const [header = [], ...cells] = rows;
const targets = header.slice(1).map((cell) => cell.replaceAll("`", ""));

describe("the matrix of the guide", () => {
  it("has a row for each source, and a column for each layout that is written", () => {
    expect(cells.map(([name]) => name)).toEqual(Object.keys(sources));
    const written = layouts.filter(({ canWrite }) => canWrite).map(({ name }) => name);
    expect([...targets].sort()).toEqual([...written].sort());
  });

  it.each(cells.map(([name = "", ...row]) => ({ name, row })))(
    "is right about $name",
    async ({ name, row }) => {
      const source = sources[name] as MatrixSource;
      const found: string[] = [];
      for (const to of targets) found.push(await cellOf(source, to));
      expect(found).toEqual(row.map((cell) => cell.replaceAll("`", "")));
    },
  );
});

/** The first table of a document that has the column `tenon`, row by row. */
function tableOf(path: string): string[][] {
  const lines = readFileSync(path, "utf8").split("\n");
  const start = lines.findIndex((line) => /^\| from .*`tenon`/.test(line));
  const rows: string[][] = [];
  for (const line of lines.slice(start)) {
    if (!line.startsWith("|")) break;
    const cells = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (!cells.every((cell) => /^-+$/.test(cell))) rows.push(cells);
  }
  return rows;
}
