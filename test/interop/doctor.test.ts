import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attempt, scratch, tenon } from "./command.ts";
import { type Apart, expectSameBits, expectSameLogits, type Keys, type LogitsApart } from "./found.ts";
import { type Hybrid, saved, trained, variants } from "./hybrid.ts";
import { Python, seed } from "./python.ts";

// What the tools lose or spoil without a word, named by the doctor; and what it repairs, loaded by the tools again.

interface Finding {
  readonly code: string;
  readonly severity: string;
  readonly evidence: { readonly count: number };
}

interface Judged {
  readonly weights: Apart;
  readonly logits: LogitsApart;
}

const folder = scratch();
const python = await Python.start();

afterAll(async () => {
  await python.stop();
  folder.remove();
});

/** Findings of a source that has some. */
async function findings(...words: readonly string[]): Promise<readonly Finding[]> {
  const { exitCode, report } = await attempt("doctor", ...words);
  expect(exitCode, `seed ${seed}: ${JSON.stringify(report)}`).toBe(1);
  return report["findings"] as readonly Finding[];
}

describe.each(variants)("a hybrid, %s,", (variant) => {
  let hybrid: Hybrid;
  const at = (name: string): string => join(folder.path, variant, name);

  beforeAll(async () => {
    hybrid = await trained(python, variant, folder.path);
  });

  it("that the Trainer saved through PEFT has lost its trained base: every parameter is counted", async () => {
    const found = await findings(hybrid.lost.trainer);
    const lost = found.find(({ code }) => code === "TENON_TRAINED_BASE_LOST");
    expect(lost?.severity).toBe("error");
    const names = await python.call<number>("trained_base", { name: variant });
    expect(lost?.evidence.count).toBe(names);
  });

  it("saved as a state dict under PEFT's names is initialised at random by transformers, until it is repaired", async () => {
    const [source = "", ...config] = saved(hybrid, "legacy");
    const before = await python.call<Keys>("keys_of", { path: source });
    expect(before.missing.length).toBeGreaterThan(0);
    const found = await findings(source, ...config);
    expect(found.map(({ code }) => code)).toContain("TENON_NAMES_BASE_LAYER");
    const output = at("repaired");
    await tenon("doctor", source, ...config, "--fix", "-o", output);
    const after = await python.call<Judged & { keys: Keys; base: Apart; adapter: Apart }>("judge_split", {
      name: variant,
      output,
      base: hybrid.base,
    });
    expect(after.keys.missing).toEqual([]);
    expectSameBits(after.base);
    expectSameBits(after.adapter);
    expectSameLogits(after.logits);
  });
});

describe("an adapter with spoilt names", () => {
  let hybrid: Hybrid;

  beforeAll(async () => {
    hybrid = await trained(python, "f32", join(folder.path, "spoilt"));
  });

  it.each(["prefix-missing", "prefix-doubled", "name-left", "name-doubled", "ddp", "compiled"])(
    "%s: PEFT loads none of it and says nothing; repaired, it is the file that PEFT wrote",
    async (kind) => {
      const [damaged, output] = [join(folder.path, kind), join(folder.path, `${kind}-repaired`)];
      const { peft, base, adapterFile } = hybrid;
      await python.call("make_damaged", { peft, kind, folder: damaged });
      const before = await python.call<Judged>("judge_adapter", { adapter: damaged, peft, base });
      expect(before.logits.bits, "PEFT understands these names after all").toBe(false);
      const found = await findings(damaged, "--base", base);
      expect(found.map(({ code }) => code).join()).toMatch(/TENON_NAMES_/);
      await tenon("doctor", damaged, "--base", base, "--fix", "-o", output);
      const after = await python.call<Judged>("judge_adapter", { adapter: output, peft, base });
      expectSameBits(after.weights);
      expectSameLogits(after.logits);
      const written = readFileSync(join(output, "adapter_model.safetensors"));
      expect(written.equals(readFileSync(adapterFile)), `seed ${seed}`).toBe(true);
    },
  );
});

it("has nothing to say about what PEFT and transformers save of a model that is no hybrid", async () => {
  const place = join(folder.path, "healthy");
  const { base, adapter } = await python.call<{ base: string; adapter: string }>("make_merge", {
    name: "linear-bf16",
    seed,
    folder: place,
  });
  for (const words of [[base], [adapter], [adapter, "--base", base]]) {
    const { exitCode, report } = await attempt("doctor", ...words);
    expect(exitCode, `seed ${seed}: ${JSON.stringify(report)}`).toBe(0);
  }
});
