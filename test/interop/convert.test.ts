import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import {
  type Apart,
  expectAllKeys,
  expectSameBits,
  expectSameLogits,
  type Keys,
  type LogitsApart,
} from "./found.ts";
import { type Hybrid, saved, trained, variants } from "./hybrid.ts";
import { Python, seed } from "./python.ts";

// One hybrid in every layout that tenon writes, each loaded by the tool it is for.

interface Judged {
  readonly keys: Keys;
  readonly weights: Apart;
  readonly logits: LogitsApart;
}

const folder = scratch();
const python = await Python.start();
const isFused = (await python.chains()) === "fma";

afterAll(async () => {
  await python.stop();
  folder.remove();
});

describe.each(variants)("a hybrid, %s,", (variant) => {
  let hybrid: Hybrid;
  let parts: string;
  const at = (name: string): string => join(folder.path, variant, name);
  const judge = (call: string, options: Readonly<Record<string, unknown>>): Promise<Judged> =>
    python.call<Judged>(call, { name: variant, ...options });

  beforeAll(async () => {
    hybrid = await trained(python, variant, folder.path);
    parts = at("parts");
    await tenon("split", ...saved(hybrid, "legacy"), "-o", parts);
  });

  it.each(["a state dict", "its parts"])(
    "from %s, --to peft-hybrid is loaded by PEFT on the base from before the training",
    async (source) => {
      const output = at(`peft-hybrid-${source.replaceAll(" ", "-")}`);
      const words = source === "its parts" ? [parts] : saved(hybrid, "zip/model.pt");
      await tenon("convert", ...words, "--to", "peft-hybrid", "--base", hybrid.base, "-o", output);
      const { weights, logits } = await judge("judge_hybrid", { base: hybrid.base, output });
      expectSameBits(weights);
      expectSameLogits(logits);
    },
  );

  it("--to state-dict is loaded strictly into the wrapped model", async () => {
    const output = at("state-dict");
    await tenon("convert", parts, "--to", "state-dict", "-o", output);
    const [file] = readdirSync(output).filter((name) => /\.(safetensors|pt|bin)$/.test(name));
    expect(file).toBeDefined();
    const { weights, logits } = await judge("judge_state_dict", { file: join(output, file ?? "") });
    expectSameBits(weights);
    expectSameLogits(logits);
  });

  it("--to hf gives the trained base to transformers, once the adapter is dropped by name", async () => {
    const output = at("hf");
    await tenon("convert", parts, "--to", "hf", "--drop", "adapters", "-o", output);
    const { keys, weights } = await judge("judge_base", { output });
    expectAllKeys(keys);
    expectSameBits(weights);
  });

  it("--to peft gives PEFT's own file, once the base is dropped by name", async () => {
    const output = at("peft-only");
    await tenon("convert", parts, "--to", "peft", "--drop", "base", "-o", output);
    const written = readFileSync(join(output, "adapter_model.safetensors"));
    expect(written.equals(readFileSync(hybrid.adapterFile)), `seed ${seed}`).toBe(true);
  });

  it("comes back from peft-hybrid as the model it was", async () => {
    const [there, back] = [at("there"), at("back")];
    await tenon("convert", parts, "--to", "peft-hybrid", "--base", hybrid.base, "-o", there);
    await tenon("split", there, "--base", hybrid.base, "-o", back);
    const { weights, logits } = await judge("judge_delta", { output: back, base: hybrid.base });
    expectSameBits(weights);
    expectSameLogits(logits);
  });

  it.skipIf(!isFused)("merged and converted --to hf in small files is PEFT's merge", async () => {
    const [merged, output] = [at("merged"), at("merged-hf")];
    await tenon("merge", parts, "-o", merged, "--accumulate", "fma");
    await tenon("convert", merged, "--to", "hf", "--max-shard-size", "20kB", "-o", output);
    expect(readdirSync(output).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(1);
    const { keys, weights, logits } = await judge("judge_merged", { output });
    expectAllKeys(keys);
    expectSameBits(weights);
    expectSameLogits(logits);
  });
});
