import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { scratch } from "../bytes/node/scratch.ts";
import { configAt, filesAt } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";
import { put } from "./tensor-files.ts";

/** A live state dict of LoRA on q_proj and v_proj, r = 4, without a config: what the doctor says to do about it. */
async function remedyOf(source: string): Promise<string> {
  const { findings } = await tenon.diagnose(source, { reads: false });
  return findings.find(({ code }) => code === "TENON_ADAPTER_CONFIG_MISSING")?.remedy ?? "no such finding";
}

const weights = filesAt("hybrid/qv/state-dict-safetensors");
const config = filesAt("hybrid/qv/truth/adapter").get("adapter_config.json") as Uint8Array;

function changed(change: Record<string, unknown>): Uint8Array {
  const text = new TextDecoder().decode(config);
  return new TextEncoder().encode(JSON.stringify({ ...JSON.parse(text), ...change }));
}

function write(root: string, folder: string, bytes: Uint8Array): string {
  mkdirSync(join(root, folder), { recursive: true });
  const path = join(root, folder, "adapter_config.json");
  writeFileSync(path, bytes);
  return path;
}

describe("the remedy for a config that is missing", () => {
  it("is a command with a config from a folder of the source or from above it, and the command works", async () => {
    for (const folder of ["run/model/settings", "run"]) {
      await using own = await scratch();
      const source = put(
        join(own.path, "run/model"),
        new Map([["model.safetensors", weights.get("model.safetensors") as Uint8Array]]),
      );
      const path = write(own.path, folder, config);
      const remedy = await remedyOf(source);
      expect(remedy).toBe(`tenon split ${source} --adapter-config ${path} -o ${source}-split`);
      const { options, arguments: sources } = parseCommandLine(remedy.split(" ").slice(1));
      await tenon.split(sources[0] as string, {
        output: options.output as string,
        adapterConfig: configAt("hybrid/qv/truth/adapter"),
      });
      expect(options["adapter-config"]).toBe(path);
      expect((await tenon.diagnose(options.output as string)).isHealthy).toBe(true);
    }
  });

  it("names none that does not fit by names or ranks, nor one of several that differ", async () => {
    const cases: [readonly Uint8Array[], boolean][] = [
      [[changed({ r: 8 })], false],
      [[changed({ target_modules: ["k_proj"] })], false],
      [[changed({ peft_type: "LOHA" })], false],
      [[config, changed({ lora_alpha: 99 })], false],
      [[config, changed({ r: 8 })], true],
      [[config, config], true],
    ];
    for (const [configs, isFound] of cases) {
      await using own = await scratch();
      const source = put(join(own.path, "model"), weights);
      for (const [at, bytes] of configs.entries()) write(source, `settings-${at}`, bytes);
      const remedy = await remedyOf(source);
      expect(remedy.includes("--adapter-config FILE")).toBe(!isFound);
      expect(remedy.endsWith("# or --alpha N in the place of the file")).toBe(!isFound);
    }
  });

  it("is what it was for a source that is one file, and for trees of one's own", async () => {
    expect(await remedyOf(fixture("hybrid/qv/state-dict-safetensors/model.safetensors"))).toMatch(
      /--adapter-config FILE -o .* {2}# or/,
    );
  });
});
