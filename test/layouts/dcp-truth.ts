import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { canonicalName, readNames } from "../../src/adapters/index.ts";
import type { Checkpoint, Tensor } from "../../src/core/index.ts";
import { expectSameTensors, fixturePath, openFixture } from "./fixtures.ts";

/** What the live ranks held, by the names of `named_parameters()`. */
export async function truthOf(name: string, file: string): Promise<ReadonlyMap<string, Tensor>> {
  const truth = await openFixture(`dcp/${name}/truth/${file}.safetensors`);
  return new Map(truth.entries.map(({ tensor }) => [tensor.name, tensor]));
}

/** Canonical names by the names of the live model. */
export async function canonicalTruth(name: string): Promise<ReadonlyMap<string, string>> {
  const { meanings } = readNames([...(await truthOf(name, "model")).keys()], { kind: "model" });
  return new Map([...meanings].map(([stored, meaning]) => [stored, canonicalName(meaning)]));
}

/** Every weight has the bits that the ranks held, under the name that the model gives it. */
export async function expectWeights(checkpoint: Checkpoint, name: string): Promise<void> {
  const found = new Map(checkpoint.entries.map(({ tensor }) => [tensor.name, tensor]));
  await expectSameTensors(found, await truthOf(name, "model"));
}

/** Every moment and step has its bits, under its parameter's canonical name; groups are those of the live optimizer. */
export async function expectOptimizer(checkpoint: Checkpoint, name: string): Promise<void> {
  const canonical = await canonicalTruth(name);
  const { optimizer } = checkpoint;
  for (const state of ["exp_avg", "exp_avg_sq", "step"]) {
    const truth = await truthOf(name, state);
    const expected = new Map([...truth].map(([stored, tensor]) => [canonical.get(stored) ?? "", tensor]));
    const found = [...(optimizer?.states ?? [])].map(([parameter, states]): [string, Tensor] => [
      parameter,
      states.get(state) as Tensor,
    ]);
    await expectSameTensors(new Map(found), expected);
  }
  const groups = JSON.parse(readFileSync(fixturePath(`dcp/${name}/truth/groups.json`), "utf8")) as {
    params: string[];
    lr: number;
    weight_decay: number;
  }[];
  expect(
    optimizer?.groups.map(({ parameters, settings }) => ({
      params: parameters,
      lr: settings["lr"],
      weight_decay: settings["weight_decay"],
    })),
  ).toEqual(groups.map((group) => ({ ...group, params: group.params.map((each) => canonical.get(each)) })));
}
