import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { expectAllKeys, type Keys } from "./found.ts";
import { Python } from "./python.ts";

// Adapters that mlx-lm trained, with the logits that MLX itself computed: PEFT and transformers must compute the same.

const fixtures = join(import.meta.dirname, "../fixtures");

interface Case {
  readonly case: string;
  readonly base: string;
  readonly fineTuneType?: string;
}

interface Recorded {
  readonly input_ids: readonly (readonly number[])[];
  readonly logits: Logits;
}

type Logits = readonly (readonly (readonly number[])[])[];

const cases = readdirSync(join(fixtures, "mlx"))
  .map((name) => JSON.parse(readFileSync(join(fixtures, `mlx/${name}/case.json`), "utf8")) as Case)
  .filter(({ fineTuneType }) => fineTuneType !== undefined);

const folder = scratch();
const python = await Python.start();

afterAll(async () => {
  await python.stop();
  folder.remove();
});

function largestApart(found: Logits, recorded: Logits): number {
  const [one, other] = [found.flat(2), recorded.flat(2)];
  expect(one.length).toBe(other.length);
  return Math.max(...one.map((value, at) => Math.abs(value - (other[at] ?? Number.NaN))));
}

describe.each(cases)("the adapter $case of mlx-lm", ({ case: name, base }) => {
  const source = join(fixtures, `mlx/${name}/adapter`);
  const { input_ids: ids, logits } = JSON.parse(
    readFileSync(join(fixtures, `mlx/${name}/logits.json`), "utf8"),
  ) as Recorded;
  const scale = Math.max(...logits.flat(2).map(Math.abs));
  // Two engines sum in different orders; in bf16 each of a dozen operations rounds to 2⁻⁸.
  const allowed = scale * (base.endsWith("f32") ? 1e-5 : 0.03);
  const original = join(fixtures, base);

  it("has MLX's logits in PEFT after a conversion, and others without it", async () => {
    const adapter = join(folder.path, `${name}-peft`);
    await tenon("convert", source, "--base", original, "--to", "peft", "-o", adapter);
    const live = await python.call<Logits>("live_logits", { base: original, adapter, ids });
    expect(largestApart(live, logits)).toBeLessThan(allowed);
    const without = await python.call<{ logits: Logits }>("merged_logits", { output: original, ids });
    expect(largestApart(without.logits, logits)).toBeGreaterThan(3 * allowed);
  });

  it("has MLX's logits in transformers after a merge", async () => {
    const output = join(folder.path, `${name}-merged`);
    await tenon("merge", source, "--base", original, "-o", output);
    const { keys, logits: found } = await python.call<{ keys: Keys; logits: Logits }>("merged_logits", {
      output,
      ids,
    });
    expectAllKeys(keys);
    expect(largestApart(found, logits)).toBeLessThan(allowed);
  });
});
