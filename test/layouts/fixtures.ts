import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { localTree } from "../../src/bytes/node/index.ts";
import type { Checkpoint, Tensor } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { detectLayout, layouts, type OpenOptions } from "../../src/layouts/index.ts";

const root = new URL("../fixtures/", import.meta.url);

export function fixturePath(path: string): string {
  return fileURLToPath(new URL(path, root));
}

export interface HybridCase {
  readonly case: string;
  readonly source: string;
  readonly truth: string;
  /** Directory of an adapter_config.json, for sources that have none. */
  readonly adapterConfig: string | null;
  readonly baseWeightsSaved: boolean;
  /** Parameters that do not belong to the model. */
  readonly foreign?: readonly string[];
  readonly optimizerHoldsLostBase?: boolean;
}

export function hybridCase(name: string): HybridCase {
  return JSON.parse(readFileSync(new URL(`hybrid/${name}/case.json`, root), "utf8")) as HybridCase;
}

/** Opens a fixture as the verbs do: detection first. */
export async function openFixture(path: string, options: Partial<OpenOptions> = {}): Promise<Checkpoint> {
  const tree = await localTree(fixturePath(path));
  const { layout } = await detectLayout(tree, layouts, { formats });
  return layout.open(tree, { formats, ...options });
}

export async function bytesOf(tensor: Tensor | undefined): Promise<Uint8Array> {
  if (tensor === undefined) throw new Error("no tensor");
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return bytes;
}

/** Both sides hold the same names with the same types, shapes and bits. */
export async function expectSameTensors(
  found: ReadonlyMap<string, Tensor>,
  expected: ReadonlyMap<string, Tensor>,
): Promise<void> {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, tensor] of expected) {
    const other = found.get(name) as Tensor;
    expect({ name, dtype: other.dtype, shape: other.shape }).toEqual({
      name,
      dtype: tensor.dtype,
      shape: tensor.shape,
    });
    expect(Buffer.compare(await bytesOf(other), await bytesOf(tensor)), name).toBe(0);
  }
}

/** Hybrids saved by tools that keep everything, under whatever names. */
export const keptHybrids: readonly string[] = [
  "qv/base-model-save-pretrained",
  "qv/state-dict-bin",
  "qv/state-dict-legacy",
  "qv/state-dict-pt",
  "qv/state-dict-safetensors",
  "qv/state-dict-with-config",
  "qv/accelerator-save-state",
  "qv/accelerator-save-model",
  "qv/trainer-module",
  "tied-bf16/base-model-save-pretrained",
  "tied-bf16/state-dict-pt",
  "tied-bf16/state-dict-legacy",
  "tied-bf16/accelerator-save-state",
  "tied-bf16/accelerator-save-model",
  "all-linear-bf16/base-model-save-pretrained",
  "all-linear-bf16/state-dict-pt",
  "all-linear-bf16/accelerator-save-model",
];
