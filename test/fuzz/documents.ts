// Sound documents to start from.
const sha256 = "0".repeat(64);
const digest = "xxh3-blocks:0123456789abcdef";

export const manifest: object = {
  schema: "tenon-checkpoint",
  version: 1,
  step: 3,
  components: {
    base: {
      isComplete: false,
      ties: { "lm_head.weight": "model.embed_tokens.weight" },
      reference: { location: "/models/base", digests: { "model.norm.weight": digest } },
      files: [{ path: "base/delta.safetensors", bytes: 100, sha256 }],
    },
    adapters: [
      { name: "default", files: [{ path: "adapters/default/adapter_config.json", bytes: 2, sha256 }] },
    ],
    optimizer: { files: [{ path: "optimizer/optimizer.json", bytes: 2, sha256 }] },
    trainer: { files: [] },
  },
  lineage: [{ location: "x" }],
  origin: { verb: "split" },
  tools: { tenon: "0.1.0" },
};

export const certificate: object = {
  schema: "tenon-certificate",
  version: 1,
  verb: "merge",
  tool: { tenon: "0.1.0" },
  sources: [{ location: "/models/base", layout: "hf", role: "base" }],
  rounding: "once",
  accumulate: "muladd",
  digest: "fast",
  prove: "sample",
  adapters: [
    {
      name: "default",
      label: "default",
      weight: 1,
      source: "/adapter",
      used: 2,
      unused: [],
      ignored: [{ name: "x", reason: "y" }],
      scaling: { "model.layers.0.self_attn.q_proj": 2 },
    },
  ],
  ties: [
    { alias: "lm_head.weight", owner: "model.embed_tokens.weight", action: "kept", reason: "not changed" },
  ],
  tensors: [
    {
      name: "w",
      file: "model.safetensors",
      dtype: "BF16",
      shape: [2, 2],
      digest,
      changed: 3,
      steps: 1,
      provenRows: 2,
      maxError: 0.5,
      errorBound: 1,
    },
  ],
  files: [{ path: "model.safetensors", bytes: 100, sha256 }],
};
