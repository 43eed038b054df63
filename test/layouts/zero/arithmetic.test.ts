import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import type { Checkpoint, Tensor } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { zero } from "../../../src/layouts/index.ts";
import { bytesOf } from "../fixtures.ts";
import { momentOf, type Parameter, parameter, type Toy, toySave } from "./toy.ts";

async function valuesOf(tensor: Tensor | undefined): Promise<number[]> {
  const bytes = await bytesOf(tensor);
  return [...new Float32Array(bytes.buffer)];
}

async function open(toy: Toy): Promise<Checkpoint> {
  return zero.open(memoryTree(toySave(toy)), { formats });
}

async function expectWhole(toy: Toy): Promise<void> {
  await using checkpoint = await open(toy);
  for (const { name, shape, values } of [...toy.groups.flat(), ...(toy.frozen ?? [])]) {
    const tensor = checkpoint.base?.tensors.get(name);
    expect(tensor?.shape).toEqual(shape);
    expect(await valuesOf(tensor)).toEqual(values);
  }
  for (const { name, values } of toy.groups.flat()) {
    const state = checkpoint.optimizer?.states.get(name);
    expect(await valuesOf(state?.get("fp32"))).toEqual(values);
    expect(await valuesOf(state?.get("exp_avg"))).toEqual(values.map(momentOf));
    expect(await valuesOf(state?.get("step"))).toEqual([7]);
  }
}

/** Groups of named parameters from shapes, each value once. */
function groupsFrom(shapes: readonly (readonly (readonly number[])[])[], stem = "p"): Parameter[][] {
  let next = stem === "p" ? 0 : 5000;
  return shapes.map((group, at) =>
    group.map((shape, index) => {
      const made = parameter(`${stem}${at}.${index}.weight`, shape, next);
      next += made.values.length;
      return made;
    }),
  );
}

const shape = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 });
const shapes = fc.array(fc.array(shape, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 });
const workers = fc.integer({ min: 1, max: 12 });

describe("shares of any shapes among any number of workers become whole again", () => {
  for (const stage of [1, 2, 3] as const)
    it(`in stage ${stage}, with padding over several workers and worker 10 after 9`, async () => {
      await fc.assert(
        fc.asyncProperty(
          shapes,
          workers,
          fc.array(shape, { maxLength: 2 }),
          async (trained, count, frozen) => {
            const [still = []] = groupsFrom([frozen], "frozen");
            await expectWhole({ stage, workers: count, groups: groupsFrom(trained), frozen: still });
          },
        ),
        { numRuns: 15 },
      );
    });

  it("where BF16_Optimizer keeps the padding of masters and says no stage", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, workers, async (trained, count) => {
        await expectWhole({ stage: 1, workers: count, groups: groupsFrom(trained), isBf16Optimizer: true });
      }),
      { numRuns: 10 },
    );
  });

  it("where an old save of stage 3 lists shapes by group and buffers cut anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes,
        workers,
        fc.integer({ min: 1, max: 9 }),
        async (trained, count, bufferElements) => {
          const groups = groupsFrom(trained);
          const shares = groups.flat().map(({ values }) => Math.ceil(values.length / count));
          const buffers = Math.ceil(shares.reduce((sum, each) => sum + each, 0) / bufferElements);
          fc.pre(buffers !== groups.length);
          await expectWhole({ stage: 3, workers: count, groups, bufferElements });
        },
      ),
      { numRuns: 10 },
    );
  });
});

it("of the bytes of a parameter only the asked for are read", async () => {
  const toy: Toy = { stage: 3, workers: 2, groups: [[parameter("w.weight", [64, 64], 0)]] };
  await using checkpoint = await open(toy);
  const tensor = checkpoint.optimizer?.states.get("w.weight")?.get("fp32");
  const some = new Uint8Array(8);
  // The middle: the last element of one worker's share and the first of the next.
  await tensor?.read(2047 * 4, some);
  expect([...new Float32Array(some.buffer)]).toEqual([2047.25, 2048.25]);
});
