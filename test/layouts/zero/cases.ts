import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Checkpoint, Tensor } from "../../../src/core/index.ts";
import { fixturePath, openFixture } from "../fixtures.ts";

/** What test/fixtures/make/zero.py says of a case. */
export interface ZeroCase {
  readonly case: string;
  readonly stage: 0 | 1 | 2 | 3;
  readonly world: number;
  readonly steps?: number;
  readonly optimizer?: "sgd" | "amsgrad";
  readonly exclude_frozen?: boolean;
  readonly tied?: boolean;
  readonly zero?: { readonly elastic_checkpoint?: boolean };
}

export const cases: readonly ZeroCase[] = readdirSync(fixturePath("zero"))
  .sort()
  .map((name) => JSON.parse(readFileSync(fixturePath(`zero/${name}/case.json`), "utf8")) as ZeroCase);

export interface Group {
  readonly names: readonly string[];
  readonly weight_decay: number;
}

export function groupsOf(name: string): readonly Group[] {
  return JSON.parse(readFileSync(fixturePath(`zero/${name}/truth/groups.json`), "utf8")) as Group[];
}

/** What the live engine held, by the names that a checkpoint gives; undefined when the case has no such file. */
export async function truthOf(name: string, kind: string): Promise<ReadonlyMap<string, Tensor> | undefined> {
  if (!existsSync(fixturePath(`zero/${name}/truth/${kind}.safetensors`))) return undefined;
  const { entries } = await openFixture(`zero/${name}/truth/${kind}.safetensors`);
  return new Map(entries.map(({ tensor }) => [canonicalOf(tensor.name), tensor]));
}

/** The name that a parameter of the live model has in a checkpoint; written out here, not computed by the product. */
export function canonicalOf(live: string): string {
  const path = live.replace(/^base_model\.model\./, "");
  const lora = /^(.*)\.(lora_[AB])\.default\.weight$/.exec(path);
  return lora === null ? path.replace(".base_layer.", ".") : `default:${lora[1]}.${lora[2]}`;
}

/** Base and adapter parameters by canonical name, aliases included. */
export function weightsIn({ base, adapters }: Checkpoint): Map<string, Tensor> {
  const found = new Map(base?.tensors);
  for (const { path, loraA, loraB } of adapters.get("default")?.modules.values() ?? []) {
    if (loraA) found.set(`default:${path}.lora_A`, loraA);
    if (loraB) found.set(`default:${path}.lora_B`, loraB);
  }
  return found;
}

/** One state of every parameter that has it. */
export function stateOf({ optimizer }: Checkpoint, state: string): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const [name, own] of optimizer?.states ?? []) {
    const tensor = own.get(state);
    if (tensor !== undefined) found.set(name, tensor);
  }
  return found;
}

/** What a case must give: in stage 3 trained weights are the masters, and what was frozen may have been left out. */
export async function expectedWeights({
  case: name,
  stage,
  exclude_frozen,
}: ZeroCase): Promise<Map<string, Tensor>> {
  const expected = new Map(await truthOf(name, "model"));
  const masters = (await truthOf(name, "fp32")) ?? new Map<string, Tensor>();
  const trained = new Set(groupsOf(name).flatMap(({ names }) => names.map(canonicalOf)));
  for (const parameter of [...expected.keys()]) {
    if (exclude_frozen === true && !trained.has(parameter)) expected.delete(parameter);
    const master = masters.get(parameter);
    if (stage === 3 && master !== undefined) expected.set(parameter, master);
  }
  return expected;
}
