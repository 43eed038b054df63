import { describe, expect, it } from "vitest";
import { isTenonError } from "../../src/core/index.ts";
import { corpusOf, fuzz, tryInput } from "./fuzzer.ts";
import { Random } from "./random.ts";
import { targets } from "./targets/index.ts";

describe.each(targets)("$name", (target) => {
  it("answers every input of the corpus with a value or an error of ours", async () => {
    for (const { file, input } of corpusOf(target))
      expect(await tryInput(target, input), file).toBeUndefined();
  });

  it("answers two thousand new inputs the same way, or fewer where each is dear", async () => {
    const wanted = Math.ceil(2000 / (target.cost ?? 1));
    const { count, failures } = await fuzz(target, { seed: 20_261_124, count: wanted });
    expect(failures.map(({ input, reason }) => `${Buffer.from(input).toString("hex")} ${reason}`)).toEqual(
      [],
    );
    expect(count).toBe(wanted);
  });

  it("has seeds that are sound, and makes inputs of which some are", async () => {
    const isSound = async (input: Uint8Array): Promise<boolean> => {
      try {
        await target.run(input);
        return true;
      } catch (error) {
        expect(error).toSatisfy(isTenonError);
        return false;
      }
    };
    const random = new Random(7);
    const made = await Promise.all(Array.from({ length: 300 }, () => isSound(target.generate(random))));
    const sound = made.filter(Boolean).length;
    expect(sound).toBeGreaterThan(10);
    expect(sound).toBeLessThan(300);
  });
});

describe("the fuzzer", () => {
  const broken = {
    name: "broken",
    seeds: () => [new Uint8Array(4)],
    generate: () => new Uint8Array(4),
    run: (input: Uint8Array) => {
      if (input.length > 6) throw new RangeError("a bug");
    },
  };

  it("finds errors that are not ours, and gives the same inputs for the same seed", async () => {
    const first = await fuzz(broken, { seed: 3, count: 500 });
    const second = await fuzz(broken, { seed: 3, count: 500 });
    expect(first.failures.length).toBe(10);
    expect(first.failures[0]?.reason).toContain("a bug");
    expect(second.failures.map(({ input }) => input)).toEqual(first.failures.map(({ input }) => input));
  });

  it("finds inputs that take too long", async () => {
    const slow = {
      ...broken,
      run: () => {
        for (const until = performance.now() + 1100; performance.now() < until; );
      },
    };
    expect(await tryInput(slow, new Uint8Array(1))).toContain("at most 1000 are allowed");
  });
});
