import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type AdapterObservationCode,
  canonicalName,
  mergeObstacles,
  otherAdapterTypes,
  parseLoraConfig,
  type Understanding,
  understand,
} from "../../src/adapters/index.ts";
import { isTenonError, type JsonRecord } from "../../src/core/index.ts";
import { fixturePath, readJson, readTensors } from "./fixture.ts";

interface Damage {
  readonly source: string;
  readonly base: string;
  readonly expected: string | null;
}

const has = (path: string): boolean => existsSync(fixturePath(path));
const read = (path: string): JsonRecord | undefined => (has(path) ? readJson(path) : undefined);

/** Opens a directory or file of the fixtures as the layouts would: adapter files by their place, all else a model. */
function open(source: string, knownBaseNames?: ReadonlySet<string>): Understanding {
  const isFile = source.endsWith(".safetensors");
  const places = isFile ? [] : ["", ...readdirSync(fixturePath(`${source}/`)).map((name) => `${name}/`)];
  const adapterFiles = new Map<string, string>();
  const adapterConfigs = new Map<string, { config: JsonRecord; from: string }>();
  for (const place of places) {
    const name = place === "" ? "default" : place.slice(0, -1);
    const file = `${source}/${place}adapter_model.safetensors`;
    const config = read(`${source}/${place}adapter_config.json`);
    if (has(file)) adapterFiles.set(file, name);
    if (config !== undefined && !adapterConfigs.has(name)) adapterConfigs.set(name, { config, from: file });
  }
  const files = adapterFiles.size > 0 ? [...adapterFiles.keys()] : [source];
  const config = isFile ? undefined : read(`${source}/config.json`);
  return understand(files.flatMap(readTensors), {
    adapterConfigs,
    adapterFiles,
    duplicates: "observe",
    ...(config === undefined ? {} : { config }),
    ...(knownBaseNames === undefined ? {} : { knownBaseNames }),
  });
}

function namesOf(base: string): ReadonlySet<string> {
  const config = read(`${base}/config.json`);
  const whole = understand(readTensors(base), {
    adapterConfigs: new Map(),
    adapterFiles: new Map(),
    ...(config === undefined ? {} : { config }),
  }).base;
  return new Set([...(whole?.tensors.keys() ?? []), ...(whole?.ties.keys() ?? [])]);
}

const codes = ({ observations }: Understanding): string[] => observations.map(({ code }) => code);

const shown: readonly (readonly [name: string, code: AdapterObservationCode])[] = [
  ["d01-base-layer", "TENON_NAMES_BASE_LAYER"],
  ["d02-adapter-name", "TENON_NAMES_ADAPTER_NAME_LEFT"],
  ["d02-other-name", "TENON_NAMES_ADAPTER_NAME_LEFT"],
  ["d03-name-doubled", "TENON_NAMES_ADAPTER_NAME_DOUBLED"],
  ["d04-magnitude-weight", "TENON_NAMES_PARAMETER_SPELLING"],
  ["d04-parameters-named", "TENON_NAMES_PARAMETER_SPELLING"],
  ["d05-prefix-missing", "TENON_NAMES_PREFIX_MISSING"],
  ["d06-prefix-doubled", "TENON_NAMES_PREFIX_UNUSUAL"],
  ["d06-prefix-short", "TENON_NAMES_PREFIX_UNUSUAL"],
  ["d06-prefix-vlm", "TENON_NAMES_PREFIX_UNUSUAL"],
  ["d07-forward-module", "TENON_NAMES_WRAPPER"],
  ["d07-fsdp", "TENON_NAMES_WRAPPER"],
  ["d07-module-twice", "TENON_NAMES_WRAPPER"],
  ["d07-orig-mod", "TENON_NAMES_WRAPPER"],
  ["d07-orig-mod-inside", "TENON_NAMES_WRAPPER"],
  ["d07-sentence-transformers", "TENON_NAMES_WRAPPER"],
  ["d08-modules-to-save", "TENON_NAMES_SAVED_MODULES"],
  ["d09-stray-biases", "TENON_NAMES_STRAY_BIAS"],
  ["d10-token-adapter", "TENON_NAMES_TOKEN_ADAPTER"],
  ["d11-lora-merged", "TENON_BASE_LORA_LEFT"],
  ["d11-lora-trained", "TENON_BASE_LORA_LEFT"],
  ["d11-lora-unmerged", "TENON_BASE_LORA_LEFT"],
  ["d12-empty-adapter", "TENON_TENSOR_EMPTY"],
  ["d12-empty-model", "TENON_TENSOR_EMPTY"],
  ["d12-some-empty", "TENON_TENSOR_EMPTY"],
  ["d14-tie-broken", "TENON_TIE_STORED_TWICE"],
  ["d15-doubled", "TENON_ADAPTER_RANK_MISMATCH"],
  ["d15-pattern-lost", "TENON_ADAPTER_RANK_MISMATCH"],
  ["d15-rank", "TENON_ADAPTER_RANK_MISMATCH"],
  ["d16-missing-a", "TENON_ADAPTER_PAIR_INCOMPLETE"],
  ["d16-missing-b", "TENON_ADAPTER_PAIR_INCOMPLETE"],
  ["d16-missing-magnitude", "TENON_ADAPTER_MAGNITUDE_MISSING"],
  ["d16-missing-module", "TENON_ADAPTER_SAVED_MODULE_MISSING"],
  ["d17-target-extra", "TENON_ADAPTER_TARGET_ABSENT"],
  ["d17-target-missing", "TENON_ADAPTER_TARGET_UNMATCHED"],
  ["d22-kohya", "TENON_NAMES_FOREIGN"],
  ["d22-megatron", "TENON_NAMES_FOREIGN"],
  ["d22-mlx", "TENON_NAMES_FOREIGN"],
  ["d22-torchtune", "TENON_NAMES_FOREIGN"],
  ["d23-pissa", "TENON_ADAPTER_REWRITES_BASE"],
  ["d24-root-and-folders", "TENON_ADAPTER_STORED_TWICE"],
];

describe("a damaged checkpoint", () => {
  it.each(shown)("%s shows %s", (name, code) => {
    const { source, base } = readJson(`damaged/${name}/case.json`) as unknown as Damage;
    // `base_model.model.layers…` is whole for a model without a head: only the base tells.
    if (name !== "d06-prefix-short") expect(codes(open(source))).toContain(code);
    expect(codes(open(source, namesOf(base)))).toContain(code);
  });

  /** Repaired by reading: every name means what the undamaged one means. */
  const readable = shown.filter(([name]) => /^d0[1-7]/.test(name));
  it.each(readable)("%s is read as the undamaged one once the base is known", (name) => {
    const { source, base, expected } = readJson(`damaged/${name}/case.json`) as unknown as Damage;
    if (expected === null) throw new Error("the fixture names no expected result");
    const got = open(source, namesOf(base));
    const whole = open(has(`${expected}/adapter`) ? `${expected}/adapter` : expected);
    const adapter = got.adapters.get("default");
    const wanted = whole.adapters.get("default");
    const isPartial = readJson(`damaged/${name}/case.json`)["partial"] === true;
    if (!isPartial)
      expect([...(adapter?.modules.keys() ?? [])].sort()).toEqual([...(wanted?.modules.keys() ?? [])].sort());
    for (const key of adapter?.modules.keys() ?? []) expect(wanted?.modules.has(key)).toBe(true);
    expect(adapter?.modules.size).toBeGreaterThan(0);
    const ownNames = namesOf(base);
    for (const parameter of got.base?.tensors.keys() ?? []) expect(ownNames).toContain(parameter);
  });

  it("keeps two adapters of one state dict apart", () => {
    const { adapters } = open("damaged/d02-two-names/model.safetensors");
    expect(adapters.size).toBe(2);
  });

  it("drops stray biases and takes the saved module's own", () => {
    const [adapter] = open("damaged/d09-stray-biases/adapter").adapters.values();
    const names = adapter?.replacements.map(({ parameter }) => parameter) ?? [];
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => /modules_to_save|original_module/.test(name))).toEqual([]);
  });

  it("tells the trained copy of a saved module from the frozen original", () => {
    const { base, adapters } = open("damaged/d08-modules-to-save/model.safetensors");
    const [adapter] = adapters.values();
    const saved = adapter?.replacements.filter(({ kind }) => kind === "modulesToSave") ?? [];
    expect(saved.length).toBeGreaterThan(0);
    for (const { parameter, tensor } of saved) {
      expect(tensor.name).toContain(".modules_to_save.");
      expect(base?.tensors.get(parameter)?.name).toContain(".original_module.");
    }
  });

  it("counts the rows of a resized embedding against config.json", () => {
    const { source, base } = readJson("damaged/d13-resized/case.json") as unknown as Damage;
    const adapterFile = `${source}/adapter_model.safetensors`;
    const config = readJson(`${base}/config.json`);
    const got = understand([...readTensors(base), ...readTensors(adapterFile)], {
      config,
      adapterFiles: new Map([[adapterFile, "default"]]),
      adapterConfigs: new Map([
        ["default", { config: readJson(`${source}/adapter_config.json`), from: adapterFile }],
      ]),
    });
    const seen = got.observations.filter(({ code }) => code === "TENON_EMBEDDING_RESIZED");
    expect(seen.map(({ facts }) => facts?.["parameter"]).sort()).toEqual([
      "lm_head.weight",
      "model.embed_tokens.weight",
    ]);
  });

  it("takes the root for default where a folder is called so too", () => {
    const { adapters, observations } = open("damaged/d24-root-and-folders/adapter");
    expect([...adapters.keys()].sort()).toEqual(["default", "second"]);
    expect(adapters.get("default")?.entries[0]?.tensor.file).not.toContain("/default/");
    expect(observations.some(({ code }) => code === "TENON_NAMES_SAME_PARAMETER")).toBe(false);
  });
});

describe("an undamaged checkpoint", () => {
  const quiet = new Set(["TENON_ADAPTER_TRAINED_BASE"]);
  it.each([
    "all-linear",
    "dora-linear",
    "embeddings-targeted",
    "modules-to-save-lm-head",
    "seq-cls",
    "token-indices",
    "experts",
    "experts-mixtral",
    "attention",
    "gpt2-conv1d",
    "rank-pattern",
    "exclude-modules",
    "layers-to-transform",
  ])("of PEFT (%s) shows nothing", (name) => {
    const found = open(`merge/${name}/adapter`).observations;
    expect(found.filter(({ code }) => !quiet.has(code))).toEqual([]);
  });

  it.each([
    "llama-bf16",
    "gpt2-f32",
    "llama-tied-bf16",
    "mixtral-bf16",
    "gpt-oss-bf16",
    "llama-seq-cls-bf16",
  ])("of transformers (%s) shows nothing", (name) => {
    expect(open(`base/${name}`).observations).toEqual([]);
    expect(open(`base/${name}`).base?.isComplete).toBe(true);
  });
});

describe("an adapter that tenon does not merge", () => {
  const names = readdirSync(fixturePath("refuse/")).filter((name) => has(`refuse/${name}/case.json`));
  it.each(names)("%s is refused by name and with a reason", (name) => {
    const path = has(`refuse/${name}/adapter/adapter_config.json`)
      ? `refuse/${name}/adapter`
      : `refuse/${name}`;
    const config = readJson(`${path}/adapter_config.json`);
    try {
      const [obstacle] = mergeObstacles(parseLoraConfig(config, path));
      expect(obstacle?.code).toMatch(/^TENON_ADAPTER_/);
      expect(obstacle?.remedy).not.toBe("");
    } catch (error) {
      if (!isTenonError(error)) throw error;
      expect(error.code).toBe("TENON_ADAPTER_TYPE");
      expect(error.message).toContain(String(config["peft_type"]));
      expect(otherAdapterTypes).toContain(config["peft_type"]);
    }
  });

  it.each(names)("%s still opens, and its tensors are not taken for LoRA", (name) => {
    const path = has(`refuse/${name}/adapter/adapter_config.json`)
      ? `refuse/${name}/adapter`
      : `refuse/${name}`;
    const got = open(path);
    const isLora = readJson(`${path}/adapter_config.json`)["peft_type"] === "LORA";
    const modules = [...got.adapters.values()].flatMap((adapter) => [...adapter.modules.values()]);
    if (isLora) expect(modules.length).toBeGreaterThan(0);
    else {
      expect(modules).toEqual([]);
      expect(codes(got)).toContain("TENON_NAMES_FOREIGN");
      expect(codes(got)).toContain("TENON_ADAPTER_CONFIG_UNREADABLE");
    }
  });
});

it("gives different parameters different canonical names, over every fixture", () => {
  for (const topic of [
    "hybrid/qv/accelerator-save-model",
    "damaged/d08-modules-to-save",
    "damaged/d02-two-names",
  ]) {
    const { entries } = open(`${topic}/model.safetensors`);
    const names = entries.map(({ meaning }) => canonicalName(meaning));
    expect(new Set(names).size).toBe(names.length);
  }
});
