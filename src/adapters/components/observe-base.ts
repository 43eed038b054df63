import {
  type AdapterModule, type BaseComponent, type Entry, elementCount, type Observation,
} from "../../core/index.ts"; // biome-ignore format: one list
import { vocabularyOf } from "../model-config.ts";
import { observe } from "../observations.ts";
import { embeddingNames } from "./adapter-builder.ts";

/** What a base shows together with the adapters stored beside it: D11, D13. */
export function observeBase(
  base: BaseComponent,
  entries: readonly Entry[],
  modules: readonly AdapterModule[],
): Observation[] {
  const found: Observation[] = [];
  const wrapped = new Set(modules.map(({ path }) => path));
  // A module that is wrapped keeps its weight under `base_layer`; under its plain name it was merged, or put back.
  const plain = entries
    .filter(
      ({ meaning }) => meaning.role === "plain" && meaning.leaf === "weight" && wrapped.has(meaning.module),
    )
    .map(({ tensor }) => tensor.name);
  if (plain.length > 0) found.push(observe("TENON_BASE_LORA_LEFT", plain));
  const vocabulary = vocabularyOf(base.config);
  for (const [name, tensor] of base.tensors)
    found.push(...observeRows(name, tensor.name, tensor.shape, vocabulary));
  return found;
}

/** Whether an embedding has other rows than config.json counts tokens. */
export function observeRows(
  parameter: string,
  stored: string,
  shape: readonly number[],
  vocabulary: number | undefined,
): Observation[] {
  const [, module = ""] = /(?:^|\.)([^.]+)\.weight$/.exec(parameter) ?? [];
  const [rows = 0] = shape;
  if (vocabulary === undefined || !embeddingNames.has(module) || shape.length !== 2 || rows === vocabulary)
    return [];
  return [observe("TENON_EMBEDDING_RESIZED", [stored], { parameter, rows, vocabulary })];
}

/** D12: tensors without elements beside others that have some. */
export function observeEmpty(entries: readonly Entry[]): Observation[] {
  const empty = entries
    .filter(({ tensor }) => elementCount(tensor.shape) === 0)
    .map(({ tensor }) => tensor.name);
  return empty.length > 0 ? [observe("TENON_TENSOR_EMPTY", empty, { stored: entries.length })] : [];
}
