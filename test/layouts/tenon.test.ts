import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { type Draft, isTenonError, type JsonRecord } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { detectLayout, layouts, type Manifest, readManifest, tenon } from "../../src/layouts/index.ts";
import { kept, patternOf, writeDraft } from "../contract/layout.contract.ts";
import { bytesOf } from "./fixtures.ts";

const adapter = (name: string, config: JsonRecord = { peft_type: "LORA", r: 1, lora_alpha: 2 }) => ({
  name,
  config,
  parameters: (["loraA", "loraB"] as const).map((role) => ({
    meaning: { role, module: "model.layers.0.self_attn.q_proj", leaf: "", nesting: 0, wrappers: [] },
    recipe: kept(`${name}.${role}`, role === "loraA" ? [1, 4] : [4, 1]),
  })),
});

const norm = "model.norm.weight";

const whole: Draft = {
  base: {
    tensors: new Map([[norm, kept(norm, [4], "BF16")]]),
    config: { model_type: "llama" },
    isComplete: false,
    ties: new Map([["lm_head.weight", "model.embed_tokens.weight"]]),
    reference: { location: "hf://org/base@main", digests: new Map([["lm_head.weight", "xxh3-64:00ff"]]) },
  },
  adapters: [adapter("default"), adapter("second")],
  optimizer: {
    states: new Map([
      [
        norm,
        new Map([
          ["exp_avg", kept("m", [4])],
          ["step", kept("s", [])],
        ]),
      ],
      ["default:model.layers.0.self_attn.q_proj.lora_A", new Map([["exp_avg", kept("a", [1, 4])]])],
    ]),
    groups: [
      { parameters: [norm, "default:model.layers.0.self_attn.q_proj.lora_A"], settings: { lr: 0.001 } },
    ],
  },
  trainer: { documents: new Map([["trainer_state.json", { global_step: 12, loss: Number.NaN }]]) },
  companions: [{ path: "tokenizer.json", source: "tokenizer.json" }],
  origin: { from: "there", tools: { tenon: "0.1.0" }, lineage: [{ sha256: "ab" }] },
};

const manifestIn = (files: ReadonlyMap<string, Uint8Array>): Manifest =>
  JSON.parse(new TextDecoder().decode(files.get("tenon.json"))) as Manifest;

type Files = ReadonlyMap<string, Uint8Array | string>;
type Awaitable = Files | Promise<Files>;

async function codeOf(files: Awaitable): Promise<string> {
  const error = await tenon.open(memoryTree(await files), { formats }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isTenonError(error) ? error.code : `no refusal: ${String(error)}`;
}

/** The checkpoint with its manifest changed. */
async function changed(
  change: (manifest: Record<string, unknown>) => void,
): Promise<Map<string, Uint8Array | string>> {
  const files = new Map<string, Uint8Array | string>(await writeDraft(tenon, whole));
  const manifest = manifestIn(files as Map<string, Uint8Array>) as unknown as Record<string, unknown>;
  change(manifest);
  return files.set("tenon.json", JSON.stringify(manifest));
}

describe("a tenon checkpoint", () => {
  it("has each component in its place", async () => {
    expect([...(await writeDraft(tenon, whole)).keys()].sort()).toEqual([
      "adapters/default/adapter_config.json",
      "adapters/default/adapter_model.safetensors",
      "adapters/second/adapter_config.json",
      "adapters/second/adapter_model.safetensors",
      "base/config.json",
      "base/delta.safetensors",
      "optimizer/optimizer.json",
      "optimizer/optimizer.safetensors",
      "tenon.json",
      "tokenizer.json",
      "trainer/trainer.json",
    ]);
  });

  it("brings everything back: reference, ties, optimizer by name, trainer", async () => {
    await using checkpoint = await tenon.open(memoryTree(await writeDraft(tenon, whole)), { formats });
    expect(checkpoint.base).toMatchObject({ isComplete: false, config: { model_type: "llama" } });
    expect(checkpoint.base?.reference).toEqual(whole.base?.reference);
    expect(checkpoint.base?.ties).toEqual(whole.base?.ties);
    expect([...(checkpoint.optimizer?.states.keys() ?? [])].sort()).toEqual(
      [...(whole.optimizer?.states.keys() ?? [])].sort(),
    );
    const average = checkpoint.optimizer?.states.get(norm)?.get("exp_avg");
    expect(Buffer.compare(await bytesOf(average), patternOf("m", 16))).toBe(0);
    expect(checkpoint.optimizer?.groups).toEqual(whole.optimizer?.groups);
    expect(checkpoint.trainer?.documents).toEqual(whole.trainer?.documents);
    expect(checkpoint.companions.map(({ path }) => path)).toEqual(["tokenizer.json"]);
    expect(checkpoint.observations).toEqual([]);
  });

  it("does not wonder whether LoRA was merged into a whole base: it keeps both apart", async () => {
    const q = "model.layers.0.self_attn.q_proj.weight";
    const base = { tensors: new Map([[q, kept(q, [4, 4])]]), isComplete: true, ties: new Map() };
    const draft: Draft = { base, adapters: [adapter("default")], companions: [], origin: {} };
    await using checkpoint = await tenon.open(memoryTree(await writeDraft(tenon, draft)), { formats });
    expect(checkpoint.base?.isComplete).toBe(true);
    expect(checkpoint.adapters.size).toBe(1);
    expect(checkpoint.observations).toEqual([]);
  });

  it("states step, sizes, digests and origin in its manifest", async () => {
    const files = await writeDraft(tenon, whole);
    const manifest = manifestIn(files);
    expect(manifest).toMatchObject({
      schema: "tenon-checkpoint",
      version: 1,
      step: 12,
      origin: { from: "there" },
      tools: { tenon: "0.1.0" },
      lineage: [{ sha256: "ab" }],
    });
    expect(manifest.components.trainer?.files).toEqual([
      {
        path: "trainer/trainer.json",
        bytes: files.get("trainer/trainer.json")?.length,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
  });

  it("lacks the folders of what it does not have", async () => {
    const draft: Draft = { adapters: [adapter("default")], companions: [], origin: {} };
    const files = await writeDraft(tenon, draft);
    expect([...files.keys()].every((path) => path === "tenon.json" || path.startsWith("adapters/"))).toBe(
      true,
    );
    await using checkpoint = await tenon.open(memoryTree(files), { formats });
    expect(checkpoint.base).toBeUndefined();
    expect(checkpoint.optimizer).toBeUndefined();
    expect(checkpoint.trainer).toBeUndefined();
    expect(manifestIn(files).step).toBeNull();
  });

  it("keeps an adapter whose config nobody knows, without inventing one", async () => {
    const files = await writeDraft(tenon, { adapters: [adapter("default", {})], companions: [], origin: {} });
    expect(files.has("adapters/default/adapter_config.json")).toBe(false);
    await using checkpoint = await tenon.open(memoryTree(files), { formats });
    expect(checkpoint.adapters.get("default")?.modules.size).toBe(1);
    expect(checkpoint.adapters.get("default")?.config).toBeUndefined();
  });

  it("is chosen over everything that its folders might also be", async () => {
    const files = new Map<string, Uint8Array | string>(await writeDraft(tenon, whole)).set(
      "trainer_state.json",
      "{}",
    );
    expect((await detectLayout(memoryTree(files), layouts)).layout.name).toBe("tenon");
  });
});

describe("a manifest", () => {
  it("of another version is refused by its version", async () => {
    expect(await codeOf(changed((manifest) => Object.assign(manifest, { version: 2, future: true })))).toBe(
      "TENON_MANIFEST_VERSION",
    );
  });

  it("with anything that version 1 does not have is refused", async () => {
    expect(await codeOf(changed((manifest) => Object.assign(manifest, { extra: 1 })))).toBe(
      "TENON_MANIFEST_MALFORMED",
    );
    expect(await codeOf(changed((manifest) => Object.assign(manifest, { components: 1 })))).toBe(
      "TENON_MANIFEST_MALFORMED",
    );
    expect(await codeOf(new Map([["tenon.json", "[]"]]))).toBe("TENON_JSON_NOT_AN_OBJECT");
  });

  it("cannot lead out of the checkpoint", async () => {
    const file = (path: string) => ({ path, bytes: 1, sha256: "0".repeat(64) });
    const adapters = (name: string, path: string) =>
      changed((manifest) => {
        (manifest["components"] as { adapters: unknown[] }).adapters = [{ name, files: [file(path)] }];
      });
    expect(await codeOf(adapters("../x", "adapters/x/a"))).toBe("TENON_PATH_UNSAFE");
    expect(await codeOf(adapters("a/b", "adapters/a/b/c"))).toBe("TENON_PATH_UNSAFE");
    expect(await codeOf(adapters("a", "adapters/a/../../../x"))).toBe("TENON_PATH_UNSAFE");
    expect(await codeOf(adapters("a", "base/x"))).toBe("TENON_MANIFEST_MALFORMED");
  });

  it("is compared with the files: a missing or longer one is refused, or reported", async () => {
    const missing = new Map<string, Uint8Array | string>(await writeDraft(tenon, whole));
    missing.delete("trainer/trainer.json");
    expect(await codeOf(missing)).toBe("TENON_MANIFEST_FILE_MISSING");
    const longer = new Map<string, Uint8Array | string>(await writeDraft(tenon, whole));
    longer.set("trainer/trainer.json", '{"documents": {}}          ');
    expect(await codeOf(longer)).toBe("TENON_MANIFEST_SIZE_DIFFERS");
    const seen: string[] = [];
    const report = ({ code }: { code: string }): void => void seen.push(code);
    await using checkpoint = await tenon.open(memoryTree(longer), { formats, report });
    expect({ seen, layout: checkpoint.layout }).toEqual({
      seen: ["TENON_MANIFEST_SIZE_DIFFERS"],
      layout: "tenon",
    });
  });

  it("is read alone, for whoever wants to check the digests", async () => {
    const manifest = await readManifest(memoryTree(await writeDraft(tenon, whole)));
    expect(manifest.components.adapters.map(({ name }) => name)).toEqual(["default", "second"]);
  });

  it("has a JSON schema that is up to date", () => {
    const run = (): Buffer =>
      execFileSync(process.execPath, ["--import", "tsx", "scripts/tenon-schema.ts", "--check"], {
        stdio: "pipe",
      });
    expect(run).not.toThrow();
  });
});
