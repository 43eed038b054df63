import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { formats } from "../../src/formats/index.ts";
import { trainer } from "../../src/layouts/index.ts";
import { PickleFloat, PickleMap, type PickleValue } from "../../src/pickle/index.ts";
import { convertInMemory, refusalOf } from "../verbs/converted.ts";
import { tenon } from "../verbs/tenon.ts";
import { checkpointOf, mapOf, place, saved } from "./trainer-files.ts";

type Numbers = readonly PickleValue[];

/** An optimizer that has states of these numbers, and these numbers in its groups. */
function optimizerOf(states: readonly number[], ...groups: Numbers[]): Uint8Array {
  const state = new PickleMap();
  for (const number of states) state.set(number, mapOf({ exp_avg: place }));
  const settings = groups.map((params) => mapOf({ lr: new PickleFloat(0.5), params: [...params] }));
  return saved(mapOf({ state, param_groups: settings }), { m: [2] });
}

describe("an optimizer that torch cannot have written", () => {
  const cases: readonly [what: string, optimizer: Uint8Array, says: string][] = [
    ["a state of no group", optimizerOf([0, 5], [0, 1]), 'lack "5", which has a state'],
    ["one parameter in two groups", optimizerOf([0], [0, 1], [1]), "do not count from 0 without gaps"],
    ["numbers with a gap", optimizerOf([0], [0, 2]), "do not count from 0 without gaps"],
    [
      "a group without a list of params",
      saved(mapOf({ state: new PickleMap(), param_groups: [mapOf({})] })),
      "no list of params",
    ],
    ["no groups", saved(mapOf({ state: new PickleMap() })), "no state and param_groups"],
    ["no dict", saved([1]), "no state and param_groups"],
  ];

  it.each(cases)("is refused for %s", async (_, optimizer, says) => {
    const source = checkpointOf({}, {}, { "optimizer.pt": optimizer });
    await expect(trainer.open(source, { formats })).rejects.toMatchObject({
      code: "TENON_OPTIMIZER_MALFORMED",
      exitCode: 3,
      message: expect.stringContaining(says),
      details: { path: "optimizer.pt" },
    });
    expect((await refusalOf(convertInMemory(source, "tenon"))).code).toBe("TENON_OPTIMIZER_MALFORMED");
    const { findings, isHealthy } = await tenon.diagnose(source);
    expect([findings[0]?.code, isHealthy]).toEqual(["TENON_OPTIMIZER_MALFORMED", false]);
  });
});

describe("a file of several models", () => {
  it("is refused, with the names of the dicts that could be it", async () => {
    const two = mapOf({ model: mapOf({ w: place }), state_dict: mapOf({ w: place }) });
    const source = memoryTree(new Map([["both.pt", saved(two, { m: [2] })]]));
    expect(await refusalOf(convertInMemory(source, "tenon"))).toMatchObject({
      code: "TENON_STATE_DICT_AMBIGUOUS",
      details: { containers: ["model", "state_dict"], path: "both.pt" },
    });
  });
});
