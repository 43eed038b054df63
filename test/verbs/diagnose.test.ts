import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { isTenonError, type JsonRecord, type Tensor } from "../../src/core/index.ts";
import { type DiagnoseOptions, type Diagnosis, diagnose } from "../../src/verbs/diagnose.ts";
import { convertInMemory, refusalOf } from "./converted.ts";
import { fixture, fixtures, inlineHost as host, tenon, host as threadedHost } from "./tenon.ts";
import { safetensorsFile } from "./tensor-files.ts";

interface Case {
  readonly source?: string;
  readonly base?: string;
  readonly adapters?: readonly string[];
  readonly adapterConfig?: string;
  readonly adapter?: string;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(join(fixtures, path), "utf8"));
const configOf = (adapter: string): JsonRecord => readJson(`${adapter}/adapter_config.json`) as JsonRecord;

/** A finding as the tables below spell it: `error BASE_WRONG`. */
function told({ findings }: Diagnosis): string[] {
  return findings.map(({ severity, code }) => `${severity} ${code.replace("TENON_", "")}`);
}

/** Examines a damaged case against its base, with the alpha that a raw state dict does not say. */
async function examined(name: string): Promise<Diagnosis> {
  const damaged = readJson(`damaged/${name}/case.json`) as Case;
  const { source = "", base = "", adapterConfig, adapter } = damaged;
  return diagnose(host, fixture(source), {
    ...(base !== source && { base: fixture(base) }),
    ...(adapterConfig !== undefined && { adapterConfig: configOf(adapterConfig) }),
    ...(adapter !== undefined && { adapters: [fixture(adapter)] }),
  });
}

/** A live PeftModel's state dict, of a model and an adapter, as `model.safetensors`. */
async function wrappedStateDict(model: string, adapter: string): Promise<Map<string, Uint8Array>> {
  await using base = await tenon.open(model);
  await using lora = await tenon.open(adapter);
  const wrapped = new Set(
    [...(lora.adapters.get("default")?.modules.keys() ?? [])].map((path) => `${path}.weight`),
  );
  const entries: [string, Tensor][] = [...(base.base?.tensors ?? [])].map(([name, tensor]) => [
    `base_model.model.${wrapped.has(name) ? name.replace(/weight$/, "base_layer.weight") : name}`,
    tensor,
  ]);
  for (const { tensor } of lora.entries)
    entries.push([tensor.name.replace(/\.weight$/, ".default.weight"), tensor]);
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, tensor] of entries) {
    const { dtype, shape, byteLength } = tensor;
    header[name] = { dtype, shape, data_offsets: [end, end + byteLength] };
    end += byteLength;
    const bytes = new Uint8Array(byteLength);
    await tensor.read(0, bytes);
    parts.push(bytes);
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer);
  return new Map([["model.safetensors", new Uint8Array(Buffer.concat([length, text, ...parts]))]]);
}

const hybrid = ["error NAMES_BASE_LAYER", "note BASE_TRAINED"];
const wrapped = ["error NAMES_BASE_LAYER", "error NAMES_WRAPPER", "note BASE_TRAINED"];
/** These cases hold a part of the model. */
const wrappedPart = [
  "error NAMES_BASE_LAYER",
  "error NAMES_WRAPPER",
  "warning BASE_PARTIAL",
  "note BASE_TRAINED",
];
const moved = ["error NAMES_PREFIX_UNUSUAL", "error NAMES_MOVED"];

/** Every case of `damaged/`, and exactly what it must show. */
const golden: Readonly<Record<string, readonly string[]>> = {
  "d01-base-layer": hybrid,
  "d02-adapter-name": ["error NAMES_ADAPTER_NAME_LEFT"],
  "d02-other-name": ["error NAMES_ADAPTER_NAME_LEFT"],
  "d02-two-names": hybrid,
  "d03-name-doubled": ["error NAMES_ADAPTER_NAME_LEFT", "error NAMES_ADAPTER_NAME_DOUBLED"],
  "d04-magnitude-weight": ["warning NAMES_PARAMETER_SPELLING"],
  "d04-parameters-named": ["error NAMES_ADAPTER_NAME_LEFT", "warning NAMES_PARAMETER_SPELLING"],
  "d05-prefix-missing": ["error NAMES_PREFIX_MISSING"],
  "d06-prefix-doubled": ["error NAMES_PREFIX_UNUSUAL"],
  "d06-prefix-short": moved,
  "d06-prefix-vlm": moved,
  "d07-forward-module": wrappedPart,
  "d07-fsdp": wrappedPart,
  "d07-lightning": wrappedPart,
  "d07-module": wrapped,
  "d07-module-twice": wrappedPart,
  "d07-orig-mod": wrappedPart,
  "d07-orig-mod-inside": wrappedPart,
  "d07-sentence-transformers": wrappedPart,
  "d08-modules-to-save": ["error NAMES_BASE_LAYER", "error NAMES_SAVED_MODULES", "note BASE_TRAINED"],
  "d09-stray-biases": ["note NAMES_STRAY_BIAS"],
  "d10-token-adapter": ["error NAMES_BASE_LAYER", "error NAMES_TOKEN_ADAPTER"],
  "d11-lora-merged": ["error MERGED_ALREADY"],
  "d11-lora-trained": ["error BASE_LORA_TRAINED", "note BASE_TRAINED"],
  "d11-lora-unmerged": ["error BASE_LORA_UNMERGED"],
  "d12-empty-adapter": ["error TENSOR_EMPTY"],
  "d12-empty-model": ["error TENSOR_EMPTY", "note BASE_TRAINED"],
  "d12-some-empty": ["error TENSOR_EMPTY"],
  "d13-resized": ["warning ADAPTER_EMBEDDING_RESIZED"],
  "d14-tie-broken": ["error TIE_BROKEN", "note BASE_TRAINED"],
  "d15-doubled": ["error ADAPTER_RANK_DOUBLED"],
  "d15-pattern-lost": ["error ADAPTER_RANK_MISMATCH"],
  "d15-rank": ["error ADAPTER_RANK_MISMATCH"],
  "d16-missing-a": ["error ADAPTER_PAIR_INCOMPLETE"],
  "d16-missing-b": ["error ADAPTER_PAIR_INCOMPLETE"],
  "d16-missing-magnitude": ["error ADAPTER_MAGNITUDE_MISSING"],
  "d16-missing-module": ["error ADAPTER_SAVED_MODULE_MISSING"],
  "d17-target-extra": ["warning ADAPTER_TARGET_ABSENT"],
  "d17-target-missing": ["error ADAPTER_TARGET_UNMATCHED"],
  "d18-transposed": ["error ADAPTER_TRANSPOSED"],
  // PEFT converts these names by itself, and they are those of the base's files.
  "d19-moe-per-expert": [],
  "d19-vlm-rename": moved,
  "d19-vlm-rename-back": moved,
  "d20-bitsandbytes": ["error NAMES_BASE_LAYER", "warning NAMES_QUANTISED", "note BASE_TRAINED"],
  "d21-inf": ["error TENSOR_INF"],
  "d21-mixed": ["warning DTYPE_MIXED"],
  "d21-nan": ["error TENSOR_NAN"],
  "d22-kohya": ["error LAYOUT_NOT_YET"],
  "d22-megatron": ["error NAMES_FOREIGN"],
  // Read as what it is.
  "d22-mlx": [],
  "d22-torchtune": ["error NAMES_FOREIGN"],
  "d23-pissa": ["warning ADAPTER_REWRITES_BASE"],
  "d24-root-and-folders": ["warning ADAPTER_STORED_TWICE"],
  "merged-twice": ["error MERGED_TWICE"],
  "shard-empty": ["error SAFETENSORS_EMPTY"],
  "shard-half-header": ["error SAFETENSORS_HEADER_TRUNCATED"],
  "shard-missing": ["error SHARD_MISSING"],
  "shard-stale": ["warning WEIGHTS_PASSED_OVER"],
  "shard-tensor-missing": ["error INDEX_TENSOR_ABSENT"],
  "shard-tensor-twice": ["error SHARD_DUPLICATE_TENSOR"],
  "shard-trailing": ["error SAFETENSORS_TRAILING_BYTES"],
  "shard-truncated": ["error SAFETENSORS_TRUNCATED"],
  "wrong-base-name": ["note BASE_OTHER_NAME"],
  "wrong-base-shape": ["error BASE_WRONG"],
};

describe("a damaged checkpoint", () => {
  it("has its line in the table, whichever it is", () => {
    const cases = readdirSync(join(fixtures, "damaged")).filter((name) => name !== "whole");
    expect(Object.keys(golden).sort()).toEqual(cases.sort());
  });

  it.each(Object.entries(golden))("%s shows %j", async (name, findings) => {
    const diagnosis = await examined(name);
    expect(told(diagnosis)).toEqual(findings);
    expect(diagnosis.isHealthy).toBe(findings.every((finding) => finding.startsWith("note")));
    for (const { evidence, cause, remedy } of diagnosis.findings) {
      expect(evidence.count).toBeGreaterThanOrEqual(Math.max(1, evidence.names.length));
      expect(evidence.names.length).toBeLessThanOrEqual(10);
      expect(cause).toMatch(/\.$/);
      expect(remedy).not.toBe("");
    }
  });

  it("counts all names and lists ten, with the wrappers that were found", async () => {
    const wrapper = (await examined("d07-module")).findings.find(
      ({ code }) => code === "TENON_NAMES_WRAPPER",
    );
    expect(wrapper?.evidence.count).toBe(29);
    expect(wrapper?.evidence.names).toHaveLength(10);
    expect(wrapper?.evidence.facts).toEqual({ wrappers: [{ wrapper: "module", count: 29 }] });
  });

  it("gets a remedy with its own path and the base that was given", async () => {
    const [finding] = (await examined("d03-name-doubled")).findings;
    const [source, base] = [fixture("damaged/d03-name-doubled/adapter"), fixture("base/llama-small-bf16")];
    expect(finding?.remedy).toBe(`tenon doctor ${source} --base ${base} --fix -o ${source}-repaired`);
  });

  it("tells by the config, without the base, what only names and configs show", async () => {
    const source = fixture("damaged/d17-target-missing/adapter");
    expect(told(await diagnose(host, source))).toEqual(["error ADAPTER_TARGET_UNMATCHED"]);
  });

  it("is told to be empty where there is nothing in it, and a conversion of it is refused", async () => {
    const bytes = safetensorsFile(new Map());
    const empty = (): ReturnType<typeof memoryTree> => memoryTree(new Map([["model.safetensors", bytes]]));
    expect(told(await diagnose(host, empty()))).toEqual(["error CHECKPOINT_EMPTY"]);
    const found = await refusalOf(convertInMemory(empty(), "tenon"));
    expect(found).toMatchObject({ code: "TENON_CONVERSION_EMPTY", exitCode: 1 });
  });

  it("is not looked at for an adapter without the base, which alone could tell", async () => {
    const run = diagnose(host, fixture("damaged/d11-lora-merged"), {
      adapters: [fixture("damaged/whole/adapter")],
    });
    expect(await refusalOf(run)).toMatchObject({ code: "TENON_DOCTOR_NEEDS_BASE", exitCode: 2 });
  });

  it("is asked for its base where only the base can tell whether LoRA is merged", async () => {
    const source = fixture("damaged/d11-lora-merged");
    const adapterConfig = configOf("damaged/whole/adapter");
    const [finding] = (await diagnose(host, source, { adapterConfig })).findings;
    expect(finding).toMatchObject({
      code: "TENON_BASE_LORA_LEFT",
      remedy: `tenon doctor ${source} --adapter-config FILE --base BASE  # or --alpha N in the place of the file`,
      fixable: false,
    });
    const adapterConfigPath = "my configs/adapter_config.json";
    const [named] = (await diagnose(host, source, { adapterConfig, adapterConfigPath })).findings;
    expect(named?.remedy).toBe(
      `tenon doctor ${source} --adapter-config 'my configs/adapter_config.json' --base BASE`,
    );
  });

  it("is not called merged where alpha is not known and the weights differ", async () => {
    const diagnosis = await diagnose(host, fixture("damaged/d11-lora-merged"), {
      base: fixture("base/llama-small-bf16"),
    });
    expect(told(diagnosis)).toEqual([
      "error ADAPTER_CONFIG_MISSING",
      "error BASE_LORA_LEFT",
      "note BASE_TRAINED",
    ]);
  });

  it("is looked at by its metadata alone if wished", async () => {
    const diagnosis = await diagnose(host, fixture("damaged/d21-nan/adapter"), { reads: false });
    expect(diagnosis).toMatchObject({ findings: [], read: { tensors: 0, bytes: 0 } });
  });
});

describe("an undamaged checkpoint", () => {
  const merges = readdirSync(join(fixtures, "merge")).filter(
    // These two changed the base when they were made: D23.
    (name) => !/^(?:init-pissa|init-olora)$/.test(name),
  );
  it.each(merges)("of PEFT (%s) is healthy beside its base", async (name) => {
    const { base = "", adapters = [] } = readJson(`merge/${name}/case.json`) as Case;
    const resized = name === "embeddings-resized" ? ["warning ADAPTER_EMBEDDING_RESIZED"] : [];
    for (const adapter of adapters) {
      const diagnosis = await diagnose(host, fixture(adapter), { base: fixture(base) });
      expect(told(diagnosis).filter((finding) => !finding.startsWith("note"))).toEqual(resized);
    }
  });

  it.each(readdirSync(join(fixtures, "base")))("of transformers (%s) shows nothing", async (name) => {
    const { findings, read } = await diagnose(host, fixture(`base/${name}`));
    expect(findings).toEqual([]);
    expect(read.bytes).toBeGreaterThan(0);
  });

  it("shows nothing against its base, and all that was read is counted", async () => {
    const diagnosis = await diagnose(host, fixture("damaged/whole/adapter"), {
      base: fixture("base/llama-small-bf16"),
    });
    expect(diagnosis).toMatchObject({ findings: [], isHealthy: true, layout: "peft", read: { tensors: 8 } });
  });

  it("keeps experts fused where the base keeps them one by one: a note", async () => {
    const diagnosis = await diagnose(host, fixture("merge/experts-mixtral/adapter"), {
      base: fixture("base/mixtral-bf16"),
    });
    expect(told(diagnosis)).toEqual(["note ADAPTER_EXPERT_LAYOUT"]);
  });

  it("says which keys of its config are not known", async () => {
    const adapterConfig = { ...configOf("damaged/whole/adapter"), of_next_year: true };
    const { findings } = await diagnose(host, fixture("damaged/whole/adapter"), { adapterConfig });
    expect(findings.map(({ code, evidence }) => [code, evidence.names])).toEqual([
      ["TENON_ADAPTER_UNKNOWN_KEYS", ["of_next_year"]],
    ]);
  });
});

describe("a hybrid", () => {
  const ways = ["qv", "tied-bf16", "all-linear-bf16"].flatMap((topic) =>
    readdirSync(join(fixtures, "hybrid", topic))
      .filter((way) => /^(?:state-dict|accelerator|base-model)/.test(way))
      .map((way) => `${topic}/${way}`),
  );
  it.each(ways)("saved directly (%s) is not loadable, and its base has moved", async (way) => {
    const topic = way.slice(0, way.indexOf("/"));
    const diagnosis = await diagnose(host, fixture(`hybrid/${way}`), {
      base: fixture(`hybrid/${topic}/base`),
      adapterConfig: configOf(`hybrid/${topic}/truth/adapter`),
    });
    expect(told(diagnosis)).toEqual(hybrid);
    const [, trained] = diagnosis.findings;
    expect(trained?.evidence.facts?.["moved"]).toBe(trained?.evidence.facts?.["compared"]);
  });

  it.each(["qv/trainer-peft", "qv/trainer-native", "tied-bf16/trainer-peft", "all-linear-bf16/trainer-peft"])(
    "whose base a trainer lost (%s) is said to be lost",
    async (way) => {
      const diagnosis = await diagnose(host, fixture(`hybrid/${way}/checkpoint-3`));
      expect(told(diagnosis)).toEqual(["error TRAINED_BASE_LOST"]);
      expect(diagnosis.findings[0]?.fixable).toBe(false);
    },
  );

  it("inside a module of one's own names what stands beside the model", async () => {
    const diagnosis = await diagnose(host, fixture("hybrid/qv/trainer-module/checkpoint-3"), {
      base: fixture("hybrid/qv/base"),
      adapterConfig: configOf("hybrid/qv/truth/adapter"),
    });
    expect(told(diagnosis)).toEqual([
      "error NAMES_BASE_LAYER",
      "error NAMES_WRAPPER",
      "warning NAMES_OUTSIDE_MODEL",
      "note BASE_TRAINED",
    ]);
  });

  it("that was merged in place and saved wrapped all the same is merged already", async () => {
    const [base, adapter] = [fixture("damaged/whole/base"), fixture("damaged/whole/adapter")];
    const live = await wrappedStateDict(fixture("damaged/whole/merged"), adapter);
    const adapterConfig = { ...configOf("damaged/whole/adapter"), base_model_name_or_path: null };
    const options = { base, adapterConfig };
    expect(told(await diagnose(host, memoryTree(live), options))).toEqual([
      "error NAMES_BASE_LAYER",
      "error MERGED_ALREADY",
    ]);
    const unmerged = await wrappedStateDict(base, adapter);
    expect(told(await diagnose(host, memoryTree(unmerged), options))).toEqual(["error NAMES_BASE_LAYER"]);
  });

  it("is told from a merge by an adapter that is given", async () => {
    const options: DiagnoseOptions = {
      base: fixture("base/llama-small-bf16"),
      adapters: [fixture("damaged/whole/adapter")],
    };
    const merged = await diagnose(host, fixture("damaged/d11-lora-merged"), options);
    expect(told(merged)).toContain("error MERGED_ALREADY");
    const unmerged = await diagnose(host, fixture("base/llama-small-bf16"), options);
    expect(unmerged.findings).toEqual([]);
    const trained = await diagnose(host, fixture("damaged/whole/base"), options);
    expect(told(trained)).toEqual(["note BASE_TRAINED"]);
  });

  it("on a base of unrelated weights was not trained on it", async () => {
    const diagnosis = await diagnose(host, fixture("hybrid/qv/base"), {
      base: fixture("base/llama-small-bf16"),
    });
    expect(told(diagnosis)).toEqual(["error BASE_WRONG"]);
    expect(diagnosis.findings[0]?.evidence.facts).toMatchObject({
      each: [{ differ: "shapes" }, { differ: "weights", moved: 15 }],
    });
  });
});

describe("diagnosing", () => {
  it("throws what the source is not to blame for", async () => {
    await expect(diagnose(host, fixture("nowhere"))).rejects.toMatchObject({
      code: "TENON_SOURCE_NOT_FOUND",
    });
    const signal = AbortSignal.abort();
    const run = diagnose(host, fixture("base/llama-bf16"), { signal });
    await expect(run).rejects.toSatisfy((error) => isTenonError(error) && error.exitCode === 130);
  });

  it("says what is wrong with the base by throwing it", async () => {
    const run = diagnose(host, fixture("damaged/whole/adapter"), { base: fixture("damaged/shard-missing") });
    await expect(run).rejects.toMatchObject({ code: "TENON_SHARD_MISSING" });
  });

  it("finds the same in worker threads", async () => {
    const [source, base] = [fixture("damaged/d11-lora-merged"), fixture("base/llama-small-bf16")];
    const options = { base, adapterConfig: configOf("damaged/whole/adapter") };
    expect(await diagnose(threadedHost, source, options)).toEqual(await diagnose(host, source, options));
  });

  it("finds the same with files from memory", async () => {
    const bytes = (path: string) => new Uint8Array(readFileSync(join(fixtures, path)));
    const files = new Map(
      ["adapter_config.json", "adapter_model.safetensors"].map((name) => [
        name,
        bytes(`damaged/d21-nan/adapter/${name}`),
      ]),
    );
    const diagnosis = await diagnose(host, memoryTree(files, { location: "dropped" }), { threads: 1 });
    expect(told(diagnosis)).toEqual(["error TENSOR_NAN"]);
    expect(diagnosis.source).toBe("dropped");
  });

  it("is plain data", async () => {
    const diagnosis = await examined("d15-pattern-lost");
    expect(JSON.parse(JSON.stringify(diagnosis))).toEqual(diagnosis);
  });
});
