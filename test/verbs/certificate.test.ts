import { describe, expect, it } from "vitest";
import { isTenonError } from "../../src/core/index.ts";
import { type Certificate, certificateText } from "../../src/verbs/certificate.ts";
import { parseCertificate } from "../../src/verbs/read-certificate.ts";

const certificate: Certificate = {
  schema: "tenon-certificate",
  version: 1,
  verb: "merge",
  tool: { tenon: "1.0.0" },
  sources: [{ location: "base", layout: "hf", role: "base" }],
  rounding: "once",
  accumulate: "muladd",
  digest: "fast",
  prove: "sample",
  adapters: [
    {
      name: "default",
      label: "default",
      weight: 1,
      source: "adapter",
      used: 2,
      unused: [{ name: "a", reason: "no module a" }],
      ignored: [],
      scaling: { "model.q_proj": 0.5 },
    },
  ],
  ties: [{ alias: "lm_head.weight", owner: "embed.weight", action: "kept", reason: "neither moved" }],
  tensors: [
    {
      name: "w",
      file: "model.safetensors",
      dtype: "BF16",
      shape: [2, 3],
      digest: "xxh3-blocks:0123456789abcdef",
      changed: null,
      steps: 1,
      provenRows: 2,
      maxError: 0.98,
      errorBound: 1.03,
    },
  ],
  files: [
    { path: "model.safetensors", bytes: 96, sha256: "ab".repeat(32) },
    { path: "config.json", bytes: 2 },
  ],
};

async function failure(json: string): Promise<readonly [string, string]> {
  try {
    await parseCertificate(json);
  } catch (error) {
    if (isTenonError(error)) return [error.code, error.message];
  }
  throw new Error("nothing was thrown");
}

describe("a certificate", () => {
  it("is read as it was written", async () => {
    expect(await parseCertificate(certificateText(certificate))).toEqual(certificate);
  });

  it("of another version is refused as such", async () => {
    const [code] = await failure(certificateText({ ...certificate, version: 2 as 1 }));
    expect(code).toBe("TENON_CERTIFICATE_VERSION");
  });

  it.each([
    ["a field that version 1 has not", { extra: 1 }, "Unrecognized key"],
    ["an element type that nobody knows", { tensors: [{ ...certificate.tensors[0], dtype: "F7" }] }, "dtype"],
    ["a digest of another kind", { tensors: [{ ...certificate.tensors[0], digest: "md5:00" }] }, "digest"],
    ["a size that is no count", { files: [{ path: "a", bytes: -1 }] }, "bytes"],
  ])("with %s is malformed", async (_, change, named) => {
    const [code, message] = await failure(JSON.stringify({ ...certificate, ...change }));
    expect(code).toBe("TENON_CERTIFICATE_MALFORMED");
    expect(message).toContain(named);
  });

  it("that is no JSON object is refused by the reader of JSON", async () => {
    const [code] = await failure("[]");
    expect(code).toBe("TENON_JSON_NOT_AN_OBJECT");
  });
});
