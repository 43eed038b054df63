import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { scratch } from "../bytes/node/scratch.ts";
import { expectSameTensors } from "../layouts/fixtures.ts";
import { convertInMemory, type Files, filesAt, openFiles, refusalOf, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";
import { moved, put, type Stored, safetensorsFile, stored } from "./tensor-files.ts";

const hybrid = "damaged/d01-base-layer";
const baseDirectory = "damaged/whole/base";
const changed = ["model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"];

/** A hybrid of whose base some parameters moved, under PEFT's names in memory; with a config, so that it is whole. */
async function hybridFiles(names: readonly string[] = changed): Promise<Map<string, Uint8Array>> {
  await using opened = await tenon.open(fixture(hybrid));
  const tensors = await stored(new Map(opened.entries.map(({ tensor }) => [tensor.name, tensor])));
  for (const name of names) {
    const own = opened.base?.tensors.get(name)?.name as string;
    tensors.set(own, moved(tensors.get(own) as Stored));
  }
  const config = filesAt(hybrid).get("config.json") as Uint8Array;
  const adapter = filesAt("damaged/whole/adapter").get("adapter_config.json") as Uint8Array;
  return new Map([
    ["config.json", config],
    ["adapter_config.json", adapter],
    ["model.safetensors", safetensorsFile(tensors)],
  ]);
}

interface ReferenceJson {
  location: string;
  digests: Record<string, string>;
}

/** The checkpoint with what its manifest says of the base changed. */
function withReference(files: Files, change: (reference: ReferenceJson) => void): Map<string, Uint8Array> {
  const text = new TextDecoder().decode(files.get("tenon.json"));
  const manifest = JSON.parse(text) as { components: { base: { reference: ReferenceJson } } };
  change(manifest.components.base.reference);
  return new Map(files).set("tenon.json", new TextEncoder().encode(JSON.stringify(manifest)));
}

describe("a hybrid that is split against its base", () => {
  it("stores what differs in its bits, and the digest of everything else", async () => {
    const base = fixture(baseDirectory);
    const { files, report } = await splitInMemory(memoryTree(await hybridFiles()), { base });
    expect(report.base).toMatchObject({
      tensors: 2,
      isComplete: false,
      reference: { location: base, relied: 19 },
    });
    await using opened = await openFiles(files);
    expect([...(opened.base?.tensors.keys() ?? [])].sort()).toEqual(changed);
    const digests = opened.base?.reference?.digests ?? new Map<string, string>();
    await using given = await tenon.open(base);
    const relied = [...(given.base?.tensors.keys() ?? [])].filter((name) => !changed.includes(name));
    expect([...digests.keys()].sort()).toEqual(relied.sort());
    expect(new Set([...digests.values()].map((digest) => digest.replace(/[0-9a-f]{16}$/, "")))).toEqual(
      new Set(["xxh3-blocks:"]),
    );
    expect(opened.base?.config?.["model_type"]).toBe("llama");
  });

  it("is a model by itself where everything moved, with the base's config", async () => {
    const { files, report } = await splitInMemory(fixture("hybrid/qv/state-dict-with-config"), {
      base: fixture("hybrid/qv/base"),
    });
    expect(report.base).toMatchObject({ tensors: 21, isComplete: true, reference: null });
    expect([...files.keys()].filter((path) => path.startsWith("base/")).sort()).toEqual([
      "base/config.json",
      "base/generation_config.json",
      "base/model.safetensors",
    ]);
    await using opened = await openFiles(files);
    await using truth = await tenon.open(fixture("hybrid/qv/truth/base"));
    await expectSameTensors(opened.base?.tensors ?? new Map(), truth.base?.tensors ?? new Map());
  });

  it("comes back whole, the base being followed to where it was", async () => {
    const source = await hybridFiles();
    const split = await splitInMemory(memoryTree(source), { base: fixture(baseDirectory) });
    const back = await convertInMemory(memoryTree(split.files), "state-dict");
    const straight = await convertInMemory(memoryTree(source), "state-dict");
    expect(back.report.base).toMatchObject({ tensors: 21, isComplete: true });
    expect(back.files.get("state_dict.safetensors")).toEqual(straight.files.get("state_dict.safetensors"));
    const model = await convertInMemory(memoryTree(split.files), "hf", { drop: ["adapters"] });
    await using opened = await openFiles(model.files);
    await using expected = await tenon.open(memoryTree(source));
    await expectSameTensors(opened.base?.tensors ?? new Map(), expected.base?.tensors ?? new Map());
  });

  it("is the same delta again when it is split again, with its base or without", async () => {
    const base = fixture(baseDirectory);
    const split = await splitInMemory(memoryTree(await hybridFiles()), { base });
    const data = (files: Files): unknown => [...files].filter(([path]) => path !== "tenon.json");
    for (const options of [{}, { base }]) {
      const again = await splitInMemory(memoryTree(split.files), options);
      expect(data(again.files)).toEqual(data(split.files));
      expect(again.report.base).toEqual(split.report.base);
      await using before = await openFiles(split.files);
      await using after = await openFiles(again.files);
      expect(after.base?.reference).toEqual(before.base?.reference);
    }
  });

  it("is not followed to a base that changed where it is relied on", async () => {
    await using room = await scratch();
    const base = put(join(room.path, "base"), filesAt(baseDirectory));
    const { files } = await splitInMemory(memoryTree(await hybridFiles()), { base });
    const change = async (name: string): Promise<void> => {
      await using opened = await tenon.open(fixture(baseDirectory));
      const tensors = await stored(opened.base?.tensors ?? new Map());
      tensors.set(name, moved(tensors.get(name) as Stored));
      put(base, new Map([["model.safetensors", safetensorsFile(tensors)]]));
    };
    await change("model.embed_tokens.weight");
    expect((await convertInMemory(memoryTree(files), "state-dict")).report.base?.tensors).toBe(21);
    await change("model.norm.weight");
    const found = await refusalOf(convertInMemory(memoryTree(files), "state-dict"));
    expect(found).toMatchObject({
      code: "TENON_BASE_DIGEST_DIFFERS",
      exitCode: 1,
      details: { names: ["model.norm.weight"], count: 1, relied: 19 },
    });
    const given = await refusalOf(convertInMemory(memoryTree(files), "state-dict", { base }));
    expect(given.code).toBe("TENON_BASE_DIGEST_DIFFERS");
  });

  it("needs the base when that has gone, and takes it from anywhere", async () => {
    await using room = await scratch();
    const base = put(join(room.path, "base"), filesAt(baseDirectory));
    const { files } = await splitInMemory(memoryTree(await hybridFiles()), { base });
    rmSync(base, { recursive: true });
    const found = await refusalOf(convertInMemory(memoryTree(files), "state-dict"));
    expect(found).toMatchObject({ code: "TENON_LAYOUT_NEEDS_WHOLE_BASE", exitCode: 1 });
    expect(found.hint).toContain("--base");
    const { report } = await convertInMemory(memoryTree(files), "state-dict", {
      base: fixture(baseDirectory),
    });
    expect(report.base).toMatchObject({ tensors: 21, isComplete: true });
  });

  it("is never followed to an address or a relative path", async () => {
    const { files } = await splitInMemory(memoryTree(await hybridFiles()), { base: fixture(baseDirectory) });
    for (const location of [
      "https://127.0.0.1:1/base",
      "//127.0.0.1/base",
      "../base",
      "hf://org/base@main",
    ]) {
      const elsewhere = withReference(files, (reference) => {
        reference.location = location;
      });
      const found = await refusalOf(convertInMemory(memoryTree(elsewhere), "state-dict"));
      expect({ location, code: found.code }).toEqual({ location, code: "TENON_LAYOUT_NEEDS_WHOLE_BASE" });
    }
  });

  it("is not trusted without digests, nor with digests of a kind unknown", async () => {
    const { files } = await splitInMemory(memoryTree(await hybridFiles()), { base: fixture(baseDirectory) });
    const none = withReference(files, (reference) => {
      reference.digests = {};
    });
    const blind = await refusalOf(convertInMemory(memoryTree(none), "state-dict"));
    expect(blind.code).toBe("TENON_LAYOUT_NEEDS_WHOLE_BASE");
    const other = withReference(files, (reference) => {
      reference.digests = { "model.norm.weight": "sha256:00ff" };
    });
    const found = await refusalOf(convertInMemory(memoryTree(other), "state-dict"));
    expect(found).toMatchObject({ code: "TENON_BASE_DIGEST_KIND", exitCode: 4 });
  });

  it("may stand on a delta that stands on a base", async () => {
    await using room = await scratch();
    const first = await splitInMemory(memoryTree(await hybridFiles([changed[0] as string])), {
      base: fixture(baseDirectory),
      drop: ["adapters"],
    });
    const middle = put(join(room.path, "middle"), first.files);
    const source = await hybridFiles();
    const { files, report } = await splitInMemory(memoryTree(source), { base: middle });
    expect(report.base).toMatchObject({ tensors: 1, reference: { location: middle, relied: 20 } });
    const back = await convertInMemory(memoryTree(files), "state-dict");
    const straight = await convertInMemory(memoryTree(source), "state-dict");
    expect(back.files.get("state_dict.safetensors")).toEqual(straight.files.get("state_dict.safetensors"));
  });

  it("is not followed in circles", async () => {
    await using room = await scratch();
    const options = { base: fixture(baseDirectory), drop: ["adapters"] };
    const { files } = await splitInMemory(memoryTree(await hybridFiles()), options);
    const place = join(room.path, "circle");
    const circle = withReference(files, (reference) => {
      reference.location = place;
    });
    put(place, circle);
    const found = await refusalOf(convertInMemory(place, "hf"));
    expect(found).toMatchObject({ code: "TENON_BASE_CHAIN", exitCode: 1 });
  });

  it("needs a whole base", async () => {
    await using room = await scratch();
    const options = { base: fixture(baseDirectory), drop: ["adapters"] };
    const { files } = await splitInMemory(memoryTree(await hybridFiles()), options);
    const part = withReference(files, (reference) => {
      reference.location = "hf://org/base@main";
    });
    const base = put(join(room.path, "part"), part);
    const found = await refusalOf(splitInMemory(memoryTree(await hybridFiles()), { base }));
    expect(found).toMatchObject({ code: "TENON_BASE_NOT_WHOLE", exitCode: 1, details: { tensors: 2 } });
  });

  it("is an adapter on a base of which nothing moved, when only the adapter is given", async () => {
    const base = fixture("base/llama-small-bf16");
    const { files, report } = await splitInMemory(fixture("damaged/whole/adapter"), { base });
    expect(report.base).toMatchObject({ tensors: 0, reference: { location: base, relied: 21 } });
    const back = await convertInMemory(memoryTree(files), "peft");
    expect(back.files).toEqual(filesAt("damaged/whole/adapter"));
  });
});

describe("a tied weight, against a base", () => {
  const base = "hybrid/tied-bf16/base";
  const [owner, alias] = ["model.embed_tokens.weight", "lm_head.weight"] as const;

  /** Which of the two the delta stores, by what they are in the source. */
  async function storedOf(ownerMoved: boolean, aliasIs: "owner" | "base" | "other"): Promise<string[]> {
    await using opened = await tenon.open(fixture(base));
    const tensors = await stored(opened.base?.tensors ?? new Map());
    const before = tensors.get(owner) as Stored;
    const now = ownerMoved ? moved(before) : before;
    tensors.set(owner, now);
    const other = { ...before, bytes: before.bytes.map((byte) => byte ^ 2) };
    tensors.set(alias, aliasIs === "owner" ? now : aliasIs === "base" ? before : other);
    const source = memoryTree(new Map([["model.safetensors", safetensorsFile(tensors)]]));
    const { files } = await splitInMemory(source, { base: fixture(base) });
    await using written = await openFiles(files);
    // What comes back is what was there, whichever way it is stored.
    const back = await convertInMemory(memoryTree(files), "state-dict");
    await using again = await openFiles(back.files);
    const { tensors: found, ties } = again.base as NonNullable<typeof again.base>;
    const named = await stored(found);
    const read = (name: string): Uint8Array | undefined =>
      (named.get(name) ?? named.get(ties.get(name) ?? ""))?.bytes;
    expect(read(owner)).toEqual(now.bytes);
    expect(read(alias)).toEqual(tensors.get(alias)?.bytes);
    return [...(written.base?.tensors.keys() ?? [])].sort();
  }

  it("is stored once when both uses moved as one, and not at all when neither did", async () => {
    expect(await storedOf(true, "owner")).toEqual([owner]);
    expect(await storedOf(false, "owner")).toEqual([]);
  });

  it("is stored twice when the uses parted", async () => {
    expect(await storedOf(false, "other")).toEqual([alias]);
    expect(await storedOf(true, "other")).toEqual([alias, owner]);
    expect(await storedOf(true, "base")).toEqual([alias, owner]);
  });
});
