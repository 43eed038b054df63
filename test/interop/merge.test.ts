import { mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { attempt, scratch, tenon } from "./command.ts";
import {
  type Apart,
  expectAllKeys,
  expectSameBits,
  expectSameLogits,
  type Keys,
  type LogitsApart,
} from "./found.ts";
import { Python, seed } from "./python.ts";

// Freshly drawn models and adapters, merged by the command line, loaded by transformers, compared with PEFT's own merge.

interface Made {
  readonly base: string;
  readonly adapter: string;
  readonly dtype: "bf16" | "f16" | "f32";
  readonly rank: number;
  readonly dora: boolean;
  readonly adapters: readonly (readonly [name: string, weight: number])[];
}

interface Judged {
  readonly keys: Keys;
  readonly weights: Apart;
  readonly logits: LogitsApart;
  readonly live?: LogitsApart;
  readonly changed: number;
  readonly tied: boolean;
  readonly vocabulary: readonly [config: number, rows: number | null];
}

const folder = scratch();
const python = await Python.start();
/** Bits can be compared only where torch sums as PEFT's bits are known for. */
const isFused = (await python.chains()) === "fma";

console.log(`TENON_INTEROP_SEED=${seed}`);
afterAll(async () => {
  await python.stop();
  folder.remove();
});

async function merged(name: string, ...flags: readonly string[]): Promise<{ made: Made; judged: Judged }> {
  const place = join(folder.path, `${name}${flags.join("")}`);
  const made = await python.call<Made>("make_merge", { name, seed, folder: place });
  const output = join(place, "merged");
  const adapters = made.adapters.flatMap(([label, weight]) => [
    "--adapter",
    weight === 1 ? label : `${label}=${weight}`,
  ]);
  const words = [made.base, made.adapter, "-o", output, ...adapters, ...flags];
  await tenon("merge", ...words);
  return { made, judged: await python.call<Judged>("judge_merge", { name, folder: place, output }) };
}

/** The merge did something, and transformers takes all of it. */
function expectUsable({ judged }: { judged: Judged }): void {
  expectAllKeys(judged.keys);
  expect(judged.changed, `seed ${seed}`).toBeGreaterThan(0);
  expect(judged.weights).toMatchObject({ onlyMine: [], onlyTheirs: [] });
  const [words, rows] = judged.vocabulary;
  if (rows !== null) expect(words).toBe(rows);
}

/** Half a unit in the last place of each dtype, relative. */
const roundings = { bf16: 2 ** -9, f16: 2 ** -12, f32: 2 ** -25 } as const;

/**
 * Two sums of r products in f32, each in an order of its own, are at most r + 2 roundings apart, relative to
 * |W| + s·|B|·|A|; then each is rounded to the dtype, at most twice (an embedding's delta is rounded first).
 */
function bound({ rank, dtype }: Made): number {
  return 2 * (rank + 2) * 2 ** -24 + 4 * roundings[dtype];
}

const exact = [
  "linear-bf16",
  "linear-f16",
  "linear-f32",
  "adapter-bf16",
  "adapter-f16",
  "adapter-bin",
  "target-regex",
  "some-layers",
  "rslora",
  "patterns",
  "embedding",
  "embedding-saved",
  "modules-to-save",
  "bias-all",
  "lora-bias",
  "token-rows",
  "resized",
  "classifier",
  "gpt2",
  "mixtral",
  "qwen2-moe",
  "gpt-oss",
  "two-adapters",
  "two-adapters-reversed",
  "weighted",
  "tied-plain",
  "tied-embedding",
  "tied-head",
  "tied-both",
  "tied-head-saved",
  "tied-token-rows",
];

const doras = ["dora-bf16", "dora-f32", "dora-gpt2", "dora-embedding", "dora-patterns"];

describe("merge --accumulate fma is PEFT's merge_and_unload, bit for bit", () => {
  it.skipIf(process.env["CI"] === undefined)("in CI, where torch sums by fused multiply-adds", () => {
    expect(isFused).toBe(true);
  });

  it.skipIf(!isFused).each(exact)("%s", async (name) => {
    const { judged, ...rest } = await merged(name, "--accumulate", "fma");
    expectUsable({ judged });
    expectSameBits(judged.weights);
    expectSameLogits(judged.logits);
    if (judged.live !== undefined) {
      // Rounding the merged weights is all that may move the model: bf16 keeps 8 bits, and errors of many weights add up.
      const share = judged.live.largest / judged.live.scale;
      expect(share, `seed ${seed}`).toBeLessThan(64 * roundings[rest.made.dtype]);
    }
  });
});

describe("merge, as it is by default, stays within its bound of PEFT's", () => {
  it.each(exact)("%s", async (name) => {
    const { made, judged } = await merged(name);
    expectUsable({ judged });
    expect(judged.weights.relative, `seed ${seed}\n${judged.weights.tensors.join("\n")}`).toBeLessThanOrEqual(
      bound(made),
    );
    // 5 in a million bf16 elements on large models; an f32 weight keeps every difference.
    if (made.dtype === "bf16") expect(judged.weights.differing / judged.weights.elements).toBeLessThan(1e-3);
  });
});

describe.skipIf(!isFused)("DoRA, whose norms torch sums in an order of its own", () => {
  it.each(doras)("%s", async (name) => {
    const { made, judged } = await merged(name, "--accumulate", "fma");
    expect(made.dora).toBe(true);
    expectUsable({ judged });
    const limit = made.dtype === "f32" ? 2e-6 : bound(made);
    expect(judged.weights.relative, `seed ${seed}\n${judged.weights.tensors.join("\n")}`).toBeLessThan(limit);
    expect(judged.weights.differing / judged.weights.elements).toBeLessThan(made.dtype === "f32" ? 1 : 1e-3);
  });
});

describe.skipIf(!isFused)("options of merge", () => {
  /** Merges one case with flags and compares it with what PEFT makes of the same. */
  async function asked(
    name: string,
    words: (made: Made) => readonly string[],
    judging: Readonly<Record<string, boolean>> = {},
  ): Promise<{ output: string; judged: Judged }> {
    const place = mkdtempSync(join(folder.path, "options-"));
    const made = await python.call<Made>("make_merge", { name, seed, folder: place });
    const output = join(place, "merged");
    await tenon("merge", ...words(made), "-o", output, "--accumulate", "fma");
    const judged = await python.call<Judged>("judge_merge", { name, folder: place, output, ...judging });
    expectAllKeys(judged.keys);
    expectSameBits(judged.weights);
    return { output, judged };
  }

  it("--rounding twice is PEFT's safe_merge", () =>
    asked("linear-bf16", ({ base, adapter }) => [base, adapter, "--rounding", "twice"], { safe: true }));

  it("--dtype f32 is PEFT's merge into a base that was widened first", () =>
    asked("linear-bf16", ({ base, adapter }) => [base, adapter, "--dtype", "f32"], { widened: true }));

  it("an adapter with --base is the same as a base with an adapter", () =>
    asked("modules-to-save", ({ base, adapter }) => [adapter, "--base", base]));

  it("--max-shard-size cuts the model into files that transformers puts together", async () => {
    const { output } = await asked("linear-bf16", ({ base, adapter }) => [
      base,
      adapter,
      "--max-shard-size",
      "10kB",
    ]);
    const shards = readdirSync(output).filter((file) => file.endsWith(".safetensors"));
    expect(shards.length).toBeGreaterThan(2);
  });

  it("--tied auto unties where only one use changes, and config.json says so", async () => {
    const { judged } = await asked("tied-head", ({ base, adapter }) => [base, adapter, "--tied", "auto"]);
    expect(judged.tied).toBe(false);
  });

  it("--tied auto keeps the tie where neither changes", async () => {
    const { judged } = await asked("tied-plain", ({ base, adapter }) => [base, adapter, "--tied", "auto"]);
    expect(judged.tied).toBe(true);
  });
});

describe.skipIf(!isFused)("adapters whose initialisation rewrote the base", () => {
  it.each(["pissa", "olora"])("%s", async (kind) => {
    const place = join(folder.path, kind);
    const made = await python.call<
      Readonly<Record<"base" | "initial" | "adapter" | "residual" | "expected", string>>
    >("make_rewritten", { kind, seed, folder: place });
    const refused = await attempt("merge", made.base, made.adapter, "-o", join(place, "refused"));
    expect(refused.exitCode).not.toBe(0);
    const onResidual = join(place, "on-residual");
    await tenon(
      "merge",
      made.residual,
      made.adapter,
      "-o",
      onResidual,
      "--residual-base",
      "--accumulate",
      "fma",
    );
    const { expected } = made;
    const exactly = await python.call<Judged>("judge_same", { output: onResidual, expected });
    expectAllKeys(exactly.keys);
    expectSameBits(exactly.weights);
    const onBase = join(place, "on-base");
    await tenon("merge", made.base, made.adapter, "-o", onBase, "--initial-adapter", made.initial);
    const nearly = await python.call<Judged>("judge_same", { output: onBase, expected });
    expectAllKeys(nearly.keys);
    // The residual is stored in f32, so taking it apart again costs a rounding or two of values below 1.
    expect(nearly.weights.relative, `seed ${seed}`).toBeLessThan(1e-5);
  });
});
