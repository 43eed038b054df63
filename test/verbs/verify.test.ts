import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { isTenonError } from "../../src/core/index.ts";
import type { Certificate, VerifyReport } from "../../src/verbs/index.ts";
import { entry, fileOf } from "../formats/safetensors/file.ts";
import { fixture, tenon } from "./tenon.ts";

let scratch = "";
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "tenon-verify-"));
});
afterEach(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const place = (path: string): string => join(scratch, path);
const failed = ({ failures }: VerifyReport) =>
  failures.map(({ check, file, tensor }) => [check, file, tensor]);
const countOf = ({ checks }: VerifyReport, check: string) =>
  checks.find((each) => each.check === check)?.count;

/** Where the bytes of a tensor begin in a file of a checkpoint, and in which. */
async function locate(source: string, name: string): Promise<{ file: string; byteOffset: number }> {
  await using checkpoint = await tenon.open(source);
  const tensor = checkpoint.entries.find((entry) => entry.tensor.name === name)?.tensor;
  const [extent] = tensor?.extents ?? [];
  if (tensor === undefined || extent === undefined) throw new Error(`no tensor ${name}`);
  return { file: tensor.file, byteOffset: extent.byteOffset };
}

async function alter(path: string, byteOffset: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[byteOffset] = (bytes[byteOffset] as number) ^ 1;
  await writeFile(path, bytes);
}

async function editCertificate(
  directory: string,
  change: (certificate: Certificate) => unknown,
): Promise<void> {
  const path = join(directory, "certificate.json");
  const certificate = JSON.parse(await readFile(path, "utf8")) as Certificate;
  await writeFile(path, JSON.stringify(change(certificate)));
}

async function merge(digest: "fast" | "sha256" | "none"): Promise<string> {
  const output = place("merged");
  const adapters = [fixture("merge/linear-bf16/adapter")];
  await tenon.merge(fixture("base/llama-bf16"), { adapters, output, digest });
  return output;
}

describe("verifying a merge", () => {
  const name = "model.layers.1.mlp.up_proj.weight";

  it("finds it as its certificate says, and reads every byte", async () => {
    const report = await tenon.verify(await merge("sha256"));
    expect(report.failures).toEqual([]);
    expect([report.isSound, report.isCompared]).toEqual([true, true]);
    expect(countOf(report, "certificate-tensors")).toBe(21);
    expect(countOf(report, "read")).toBe(21);
    expect(countOf(report, "certificate-files")).toBe(report.files - 1);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it("names the tensor in which one bit was turned", async () => {
    const output = await merge("fast");
    const { file, byteOffset } = await locate(output, name);
    await alter(join(output, file), byteOffset + 1001);
    const report = await tenon.verify(output);
    expect(failed(report)).toEqual([["certificate-tensors", file, name]]);
    expect(report.failures[0]?.message).toMatch(
      /^"model.*up_proj.weight": xxh3-blocks:[0-9a-f]{16}, not xxh3-blocks:[0-9a-f]{16} \(model.*safetensors\)$/,
    );
    expect(report.isSound).toBe(false);
  });

  it("names the file too, where there is a SHA-256 of it", async () => {
    const output = await merge("sha256");
    const { file, byteOffset } = await locate(output, name);
    await alter(join(output, file), byteOffset);
    expect(failed(await tenon.verify(output))).toEqual([
      ["certificate-files", file, null],
      ["certificate-tensors", file, name],
    ]);
  });

  it("sees a document that was altered, only where there is a SHA-256 of it", async () => {
    for (const digest of ["sha256", "fast"] as const) {
      const output = await merge(digest);
      const config = await readFile(join(output, "config.json"), "utf8");
      await writeFile(join(output, "config.json"), config.replace('"llama"', '"LLAMA"'));
      const expected = digest === "sha256" ? [["certificate-files", "config.json", null]] : [];
      expect(failed(await tenon.verify(output))).toEqual(expected);
      await rm(output, { recursive: true });
    }
  });

  it("sees files that are gone or have another length", async () => {
    const output = await merge("fast");
    await rm(join(output, "generation_config.json"));
    await writeFile(join(output, "config.json"), `${await readFile(join(output, "config.json"), "utf8")}\n`);
    expect(failed(await tenon.verify(output)).sort()).toEqual([
      ["certificate-files", "config.json", null],
      ["certificate-files", "generation_config.json", null],
    ]);
  });

  it("sees a tensor that is missing, one that nobody named, other types and shapes", async () => {
    const output = await merge("fast");
    await editCertificate(output, (certificate) => ({
      ...certificate,
      tensors: certificate.tensors.map((tensor, i) => {
        if (i === 0) return { ...tensor, name: "renamed" };
        if (i === 1) return { ...tensor, dtype: "F16" };
        return i === 2 ? { ...tensor, shape: [1, ...tensor.shape] } : tensor;
      }),
    }));
    const { failures } = await tenon.verify(output);
    expect(failures.map(({ check }) => check)).toEqual(failures.map(() => "certificate-tensors"));
    expect(failures.map(({ message }) => message.replace(/^"[^"]+": /, ""))).toEqual([
      expect.stringMatching(/^it is not there \(model-.*\.safetensors\)$/),
      expect.stringMatching(/^BF16, not F16 \(/),
      expect.stringMatching(/^\[\d+.*\], not \[1, \d+.*\] \(/),
      expect.stringMatching(/^the certificate does not name it \(/),
    ]);
  });

  it("does not believe a proof that is past its own bound", async () => {
    const output = await merge("fast");
    await editCertificate(output, (certificate) => ({
      ...certificate,
      tensors: certificate.tensors.map((tensor) =>
        tensor.name === name ? { ...tensor, maxError: (tensor.errorBound as number) * 1.5 } : tensor,
      ),
    }));
    const report = await tenon.verify(output);
    expect(failed(report).map(([check, , tensor]) => [check, tensor])).toEqual([
      ["certificate-tensors", name],
    ]);
    expect(report.failures[0]?.message).toContain("roundings");
  });

  it("takes a certificate that cannot be read for a failure, not for none", async () => {
    const output = await merge("fast");
    await editCertificate(output, (certificate) => ({ ...certificate, extra: 1 }));
    const { failures, isSound } = await tenon.verify(output);
    expect(failures.map(({ file, code }) => [file, code])).toEqual([
      ["certificate.json", "TENON_CERTIFICATE_MALFORMED"],
    ]);
    expect(isSound).toBe(false);
    await editCertificate(output, ({ ...certificate }) => ({ ...certificate, version: 2 }));
    const error = await tenon.verify(output).catch((reason: unknown) => reason);
    expect(isTenonError(error) && error.code).toBe("TENON_CERTIFICATE_VERSION");
  });
});

describe("verifying a checkpoint without digests", () => {
  it("says that there was nothing to compare with, and how much was read", async () => {
    const report = await tenon.verify(fixture("base/llama-bf16"));
    expect([report.isSound, report.isCompared]).toEqual([true, false]);
    await using checkpoint = await tenon.open(fixture("base/llama-bf16"));
    expect(report.bytes).toBe(checkpoint.files.reduce((sum, { byteLength }) => sum + byteLength, 0));
    const kinds = report.checks.map(({ check }) => check);
    expect(kinds).toEqual(["structure", "read", "files"]);
  });

  it("compares what a merge without digests still says", async () => {
    const report = await tenon.verify(await merge("none"));
    expect([report.isSound, report.isCompared]).toEqual([true, false]);
    expect(countOf(report, "certificate-tensors")).toBe(21);
  });

  it.each([
    ["d21-nan", { nan: 1, infinite: 0 }],
    ["d21-inf", { nan: 0, infinite: 1 }],
  ])("counts what is not finite: %s", async (damaged, counts) => {
    const report = await tenon.verify(fixture(`damaged/${damaged}`));
    expect(report.isSound).toBe(true);
    expect(report.nonFinite).toEqual([
      {
        name: "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        file: "adapter/adapter_model.safetensors",
        ...counts,
      },
    ]);
  });
});

describe("verifying damaged shards", () => {
  const shard = "model-00002-of-00002.safetensors";
  const cutOff = "model.layers.1.self_attn.v_proj.weight";

  it("names the file that is cut off, and each tensor that is", async () => {
    const report = await tenon.verify(fixture("damaged/shard-truncated"));
    expect(failed(report)).toEqual([
      ["structure", shard, null],
      ["read", shard, cutOff],
    ]);
  });

  it("finds the same where no thread can open the files", async () => {
    const files = new Map<string, Uint8Array>();
    for (const path of [
      "config.json",
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      shard,
    ])
      files.set(path, await readFile(fixture(`damaged/shard-truncated/${path}`)));
    expect(failed(await tenon.verify(memoryTree(files)))).toEqual([
      ["structure", shard, null],
      ["read", shard, cutOff],
    ]);
  });

  it.each([
    ["shard-missing", [["structure", shard, null]]],
    ["shard-trailing", [["structure", shard, null]]],
    ["shard-tensor-missing", [["structure", null, "model.layers.9.mlp.up_proj.weight"]]],
    ["shard-tensor-twice", [["structure", null, "model.norm.weight"]]],
  ])("goes on past what can be stepped over: %s", async (damaged, expected) => {
    expect(failed(await tenon.verify(fixture(`damaged/${damaged}`)))).toEqual(expected);
  });

  it.each([
    ["shard-empty", "TENON_SAFETENSORS_EMPTY"],
    ["shard-half-header", "TENON_SAFETENSORS_HEADER_TRUNCATED"],
  ])("stops where no tensor can be listed: %s", async (damaged, code) => {
    const error = await tenon.verify(fixture(`damaged/${damaged}`)).catch((reason: unknown) => reason);
    expect(isTenonError(error) && [error.code, error.exitCode]).toEqual([code, 3]);
    expect(String(error)).toContain(shard);
  });

  it("names two tensors that mean one parameter", async () => {
    const module = "model.layers.0.self_attn.q_proj";
    const names = [`${module}.base_layer.weight`, `${module}.weight`];
    const pair = ["A", "B"].map((side) => `${module}.lora_${side}.default.weight`);
    const header = [...names, ...pair].map((name, i) => entry(name, "F32", [1, 1], i * 4, i * 4 + 4));
    const tree = memoryTree(new Map([["model.safetensors", fileOf(`{${header.join(",")}}`, 16)]]));
    const { failures } = await tenon.verify(tree);
    expect(failures.map(({ check, code }) => [check, code])).toEqual([
      ["structure", "TENON_NAMES_SAME_PARAMETER"],
    ]);
    expect(failures[0]?.message).toBe(`${names.join(" and ")} both mean ${module}.weight`);
  });

  it("stops when it is aborted", async () => {
    const run = tenon.verify(fixture("base/llama-bf16"), { signal: AbortSignal.abort() });
    const error = await run.catch((reason: unknown) => reason);
    expect(isTenonError(error) && error.code).toBe("TENON_INTERRUPTED");
  });
});

describe("verifying torch files", () => {
  it("checks every member's CRC-32, those of trainers' files too", async () => {
    const report = await tenon.verify(fixture("hybrid/qv/trainer-peft/checkpoint-3"));
    expect([report.isSound, report.isCompared]).toEqual([true, true]);
    expect(countOf(report, "crc32")).toBeGreaterThan(100);
  });

  it("names the tensor whose member has another checksum", async () => {
    const source = place("torch");
    await cp(fixture("hybrid/qv/state-dict-pt"), source, { recursive: true });
    const name = "base_model.model.model.norm.weight";
    const { file, byteOffset } = await locate(source, name);
    await alter(join(source, file), byteOffset + 5);
    const report = await tenon.verify(source);
    expect(failed(report)).toEqual([["crc32", "model.pt", name]]);
    expect(report.failures[0]?.message).toMatch(
      /": member .*\/data\/\d+ has CRC-32 [0-9a-f]{8}, not [0-9a-f]{8} \(model\.pt\)$/,
    );
  });

  it("reads files without checksums whole, and says that nothing was compared", async () => {
    const report = await tenon.verify(fixture("hybrid/qv/state-dict-legacy"));
    expect([report.isSound, report.isCompared, countOf(report, "crc32")]).toEqual([true, false, undefined]);
  });
});

describe("verifying a tenon checkpoint", () => {
  async function split(): Promise<string> {
    const output = place("split");
    await tenon.split(fixture("hybrid/qv/state-dict-with-config"), { output });
    return output;
  }

  it("compares every file with the manifest", async () => {
    const report = await tenon.verify(await split());
    expect(report.failures).toEqual([]);
    expect([report.isCompared, report.layout]).toEqual([true, "tenon"]);
    expect(countOf(report, "manifest")).toBeGreaterThanOrEqual(3);
  });

  it("names files that are altered, cut short, gone, or nobody's", async () => {
    const output = await split();
    const adapter = "adapters/default/adapter_model.safetensors";
    await alter(join(output, adapter), 2000);
    await writeFile(join(output, "base/more.safetensors"), "");
    await writeFile(join(output, "base/.DS_Store"), "");
    const config = join(output, "adapters/default/adapter_config.json");
    await writeFile(config, `${await readFile(config, "utf8")} `);
    const report = await tenon.verify(output);
    expect(failed(report).sort()).toEqual([
      ["manifest", adapter, null],
      ["manifest", "base/more.safetensors", null],
      ["structure", "adapters/default/adapter_config.json", null],
    ]);
  });
});

describe("verifying a checkpoint that stands on another one", () => {
  const moved = "model.embed_tokens.weight";

  /** A copy of a base, and a hybrid of which one tensor moved, split against the copy. */
  async function splitOver(): Promise<{ readonly base: string; readonly hybrid: string }> {
    const base = place("base");
    await cp(fixture("base/llama-small-bf16"), base, { recursive: true });
    const model = place("model");
    await cp(base, model, { recursive: true });
    const { file, byteOffset } = await locate(model, moved);
    await alter(join(model, file), byteOffset);
    const hybrid = place("hybrid");
    await tenon.split(model, { base, output: hybrid });
    return { base, hybrid };
  }

  it("compares what it relies on with the digests that were recorded", async () => {
    const { base, hybrid } = await splitOver();
    const sound = await tenon.verify(hybrid);
    expect(sound).toMatchObject({
      isSound: true,
      isCompared: true,
      reference: { location: base, isFollowed: true },
    });
    expect(countOf(sound, "reference")).toBeGreaterThan(10);
    const { file, byteOffset } = await locate(base, "model.norm.weight");
    await alter(join(base, file), byteOffset);
    const { isSound, failures } = await tenon.verify(hybrid);
    expect(isSound).toBe(false);
    expect(failures).toMatchObject([{ check: "reference", code: "TENON_BASE_DIGEST_DIFFERS" }]);
    expect(failures[0]?.message).toContain("model.norm.weight");
  });

  it("says when the other one is not there", async () => {
    const { base, hybrid } = await splitOver();
    await rm(base, { recursive: true });
    expect(await tenon.verify(hybrid)).toMatchObject({ isSound: true, reference: { isFollowed: false } });
  });
});
