import { memoryTree } from "../../../src/bytes/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { hf, readManifest } from "../../../src/layouts/index.ts";
import { parseCertificate } from "../../../src/verbs/read-certificate.ts";
import { modelConfig, modelShapes, weights } from "../../hostile/victim.ts";
import { certificate, manifest } from "../documents.ts";
import { anyChange } from "../json-input.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";

const utf8 = new TextEncoder();
const bytesOf = (document: unknown): Uint8Array => utf8.encode(JSON.stringify(document));

/** A target that reads one JSON document: sound ones to start from, and ones in which some values are others. */
function documentTarget(
  name: string,
  document: object,
  run: (input: Uint8Array) => unknown,
  names: readonly string[],
): FuzzTarget {
  return {
    name,
    run,
    seeds: () => [bytesOf(document)],
    generate: (random: Random) => {
      let changed: unknown = document;
      for (let count = random.below(3); count > 0; count--) changed = anyChange(changed, random, names);
      return bytesOf(changed);
    },
  };
}

export const manifestTarget: FuzzTarget = documentTarget(
  "tenon-manifest",
  manifest,
  (input) => readManifest(memoryTree(new Map([["tenon.json", input]]))),
  ["../x", "base/../x", "/etc/passwd", "base/\0", "__proto__", "base\\x", "http://x/y", "CON"],
);

export const certificateTarget: FuzzTarget = documentTarget(
  "certificate",
  certificate,
  (input) => parseCertificate(new TextDecoder().decode(input)),
  ["../x", "/etc/passwd", "__proto__", "xxh3-blocks:0", "F128"],
);

const shard = "model-00001-of-00001.safetensors";
const shards = new Map<string, Uint8Array | string>([
  ["config.json", JSON.stringify(modelConfig)],
  [shard, weights(modelShapes)],
]);

export const indexTarget: FuzzTarget = documentTarget(
  "index",
  {
    metadata: { total_size: 1536 },
    weight_map: Object.fromEntries(Object.keys(modelShapes).map((name) => [name, shard])),
  },
  async (input) => {
    const tree = memoryTree(new Map([...shards, ["model.safetensors.index.json", input]]));
    // Every other input as the doctor opens it: damage is stepped over.
    const report = (): void => {};
    const checkpoint = await hf.open(tree, { formats, ...(input.length % 2 === 0 && { report }) });
    await checkpoint.close();
  },
  [
    "../x",
    "config.json",
    "model.safetensors.index.json",
    "__proto__",
    "a\\b",
    "/etc/passwd",
    "lm_head.weight",
  ],
);
