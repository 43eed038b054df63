import type { BaseComponent, Entry, JsonRecord, Observation, Tensor } from "../../core/index.ts";
import { canonicalName } from "../names/write-names.ts";
import { observe } from "../observations.ts";
import type { Duplicates } from "./duplicates.ts";
import { findTies } from "./ties.ts";

/** Gathers base parameters under their canonical names. */
export class BaseBuilder {
  private readonly tensors = new Map<string, Tensor>();
  private readonly duplicates: Duplicates;
  private readonly config: JsonRecord | undefined;

  constructor(duplicates: Duplicates, config: JsonRecord | undefined) {
    this.duplicates = duplicates;
    this.config = config;
  }

  add({ tensor, meaning }: Entry): void {
    const name = canonicalName(meaning);
    const kept = this.tensors.get(name);
    this.tensors.set(name, kept === undefined ? tensor : this.duplicates.first(name, kept, tensor));
  }

  /** @param wrapped canonical names that must be there for the base to be whole, because an adapter changes them */
  build(wrapped: readonly string[]): { base: BaseComponent; observations: Observation[] } | undefined {
    if (this.tensors.size === 0) return undefined;
    const { aliases, storedTwice } = findTies(this.tensors, this.config);
    const tensors = new Map([...this.tensors].filter(([name]) => !aliases.has(name)));
    const shards = new Map<string, string[]>();
    for (const [name, { file }] of tensors) {
      const names = shards.get(file);
      if (names === undefined) shards.set(file, [name]);
      else names.push(name);
    }
    const has = (name: string): boolean => this.tensors.has(name) || aliases.has(name);
    const base: BaseComponent = {
      tensors,
      ...(this.config === undefined ? {} : { config: this.config }),
      isComplete: wrapped.every(has) && hasEveryLayer(this.tensors.keys(), this.config),
      ties: aliases,
      shards,
    };
    const observations = storedTwice.map((names) => observe("TENON_TIE_STORED_TWICE", names));
    return { base, observations };
  }
}

/** Whether as many numbered layers are stored as config.json counts; true where it does not count them. */
function hasEveryLayer(names: Iterable<string>, config: JsonRecord | undefined): boolean {
  const counts = ["num_hidden_layers", "n_layer", "num_layers"].map((key) => config?.[key]);
  const count = counts.find((value) => typeof value === "number");
  if (count === undefined) return true;
  const layers = new Set<string>();
  for (const name of names) {
    const index = /(?:^|\.)(?:layers|h|layer|blocks|block)\.(\d+)\./.exec(name)?.[1];
    if (index !== undefined) layers.add(index);
  }
  return layers.size >= count;
}
