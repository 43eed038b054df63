import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { configAt, filesAt, openFiles, refusalOf, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";
import { type Stored, safetensorsFile, stored } from "./tensor-files.ts";

/** LoRA of one live model under two names: `default` on q_proj and v_proj with r = 4, `second` on v_proj alone with r = 2. */
async function twoAdapters(): Promise<Map<string, Uint8Array>> {
  await using opened = await tenon.open(fixture("hybrid/qv/state-dict-safetensors"));
  const tensors = await stored(new Map(opened.entries.map(({ tensor }) => [tensor.name, tensor])));
  for (const [name, tensor] of [...tensors])
    if (/v_proj\.lora_[AB]/.test(name))
      tensors.set(name.replace(".default.", ".second."), halfRank(name, tensor));
  return new Map([["model.safetensors", safetensorsFile(tensors)]]);
}

/** The first two of four ranks. */
function halfRank(name: string, { bytes, shape, ...rest }: Stored): Stored {
  const [rows = 0, columns = 0] = shape;
  if (name.includes("lora_A"))
    return { ...rest, shape: [2, columns], bytes: bytes.slice(0, bytes.length / 2) };
  const width = bytes.length / rows;
  const halves = Array.from({ length: rows }, (_, row) => bytes.slice(row * width, row * width + width / 2));
  return { ...rest, shape: [rows, 2], bytes: new Uint8Array(Buffer.concat(halves)) };
}

/** The tensors of a fixture whose experts are called a bank. */
async function renamed(path: string): Promise<ReturnType<typeof memoryTree>> {
  await using opened = await tenon.open(fixture(path));
  const tensors = await stored(
    new Map(opened.entries.map(({ tensor }) => [tensor.name.replace("experts", "bank"), tensor])),
  );
  return memoryTree(new Map([["model.safetensors", safetensorsFile(tensors)]]));
}

function without(files: ReadonlyMap<string, Uint8Array>, path: string): Map<string, Uint8Array> {
  return new Map([...files].filter(([name]) => name !== path));
}

describe("alpha without a config", () => {
  it("gives each adapter a config of its own: its targets, its rank", async () => {
    const { files } = await splitInMemory(memoryTree(await twoAdapters()), { alpha: 8 });
    await using found = await openFiles(files);
    const facts = [...found.adapters.values()].map(({ name, config = {} }) => ({
      name,
      r: config["r"],
      targets: (config["target_modules"] as string[]).map((path) => path.replace(/.*\./, "")).sort(),
    }));
    expect(facts).toEqual([
      { name: "default", r: 4, targets: ["q_proj", "q_proj", "v_proj", "v_proj"] },
      { name: "second", r: 2, targets: ["v_proj", "v_proj"] },
    ]);
    expect((await tenon.diagnose(memoryTree(files))).isHealthy).toBe(true);
  });

  it("is of the adapters that lack one alone", async () => {
    const files = new Map([
      ...(await twoAdapters()),
      ["second/adapter_config.json", new TextEncoder().encode('{"peft_type":"LORA","r":2,"lora_alpha":5}')],
    ]);
    const { adapters } = await tenon.inspect(memoryTree(files), { alpha: 8 });
    expect(adapters.map(({ name, loraAlpha }) => [name, loraAlpha])).toEqual([
      ["default", 8],
      ["second", 5],
    ]);
  });

  it("that says other than every config is refused, the same is not", async () => {
    const source = fixture("hybrid/qv/save-pretrained");
    const found = await refusalOf(tenon.inspect(source, { alpha: 7 }));
    expect(found).toMatchObject({ code: "TENON_ALPHA_CONTRADICTED", exitCode: 2, details: { found: 7 } });
    expect((await tenon.inspect(source, { alpha: 8 })).adapters).toHaveLength(1);
    // A base beside an adapter without a config has none to contradict.
    const alone = memoryTree(without(filesAt("hybrid/qv/save-pretrained"), "adapter_config.json"));
    await tenon.merge(fixture("hybrid/qv/base"), { adapters: [alone], output: memorySink(), alpha: 8 });
  });

  it("merges torch's attention as its config does", async () => {
    const { adapters } = await tenon.inspect(fixture("merge/attention/adapter"));
    const alone = memoryTree(without(filesAt("merge/attention/adapter"), "adapter_config.json"));
    const alpha = adapters[0]?.loraAlpha ?? 0;
    const told = await tenon.inspect(alone, { alpha });
    expect(told.adapters[0]?.scalings).toEqual(adapters[0]?.scalings);
  });
});

describe("LoRA on experts without a config", () => {
  const source = fixture("hybrid/mixtral/state-dict-experts");
  const adapter = "merge/experts-mixtral/adapter";
  const alone = (): ReturnType<typeof memoryTree> =>
    memoryTree(without(filesAt(adapter), "adapter_config.json"));

  it("does not follow from alpha: neither which parameter it changes nor its rank", async () => {
    for (const from of [source, alone()]) {
      const found = await refusalOf(splitInMemory(from, { alpha: 6 }));
      expect(found).toMatchObject({
        code: "TENON_ALPHA_NOT_ENOUGH",
        exitCode: 1,
        details: { adapter: "default", modules: ["model.layers.0.mlp.experts"] },
      });
    }
  });

  it("is told by its path where neither nesting nor a base says it", async () => {
    const one = memoryTree(without(filesAt("merge/experts-one/adapter"), "adapter_config.json"));
    expect((await refusalOf(splitInMemory(one, { alpha: 6 }))).code).toBe("TENON_ALPHA_NOT_ENOUGH");
  });

  it("is told by names of the base where the path alone does not say it", async () => {
    const base = await renamed("base/toy-experts");
    const alone = await renamed("merge/experts-one/adapter");
    expect((await refusalOf(splitInMemory(alone, { alpha: 6, base }))).code).toBe("TENON_ALPHA_NOT_ENOUGH");
  });

  it("gets no remedy with alpha from the doctor, and the one it gets works", async () => {
    const { findings } = await tenon.diagnose(source, { reads: false });
    const remedies = findings
      .map(({ remedy }) => remedy)
      .filter((remedy) => remedy.includes("--adapter-config"));
    expect(remedies).toHaveLength(2);
    expect(remedies.filter((remedy) => remedy.includes("--alpha"))).toEqual([]);
    const adapterConfig = configAt("hybrid/mixtral/state-dict-experts/truth/adapter");
    const { files } = await splitInMemory(source, { adapterConfig });
    expect((await tenon.diagnose(memoryTree(files))).isHealthy).toBe(true);
  });
});
