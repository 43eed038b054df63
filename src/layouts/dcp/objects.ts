// Python objects of a checkpoint: numbers, texts, lists, each in a torch.save file of its own.
import { FormatError, type Json, type JsonRecord } from "../../core/index.ts";
import type { PickleValue } from "../../pickle/index.ts";
import { jsonFromPickle } from "../optimizer-state.ts";
import { openItem } from "./item.ts";
import { itemsAtOnce, objectBytesLimit } from "./limits.ts";
import { scalarOf } from "./scalars.ts";
import type { ItemFiles } from "./sources.ts";
import type { StateLeaf, StateNode } from "./state-tree.ts";

/** Reads leaves of a state dict as plain values. */
export class ObjectReader {
  readonly #sources: ItemFiles;
  readonly #signal: AbortSignal | undefined;

  constructor(sources: ItemFiles, signal: AbortSignal | undefined) {
    this.#sources = sources;
    this.#signal = signal;
  }

  /** @throws FormatError TENON_DCP_OBJECT_TOO_LARGE, and what reading throws */
  async object({ name, place }: Extract<StateLeaf, { kind: "object" }>): Promise<PickleValue> {
    if (place.byteLength > objectBytesLimit) {
      const message = `dcp: object ${JSON.stringify(name)} has ${place.byteLength} bytes; at most ${objectBytesLimit} are read (${place.file})`;
      throw new FormatError("TENON_DCP_OBJECT_TOO_LARGE", message, {
        details: { name, byteLength: place.byteLength, limit: objectBytesLimit, file: place.file },
      });
    }
    const source = await this.#sources.open(place.file, this.#signal);
    return (await openItem(source, place, this.#signal)).object;
  }

  /** A leaf as JSON: an object, or the value of a tensor with one element. Undefined where JSON has no word for it. */
  async json(leaf: StateLeaf): Promise<Json | undefined> {
    if (leaf.kind === "object") return jsonFromPickle(await this.object(leaf));
    return scalarOf(leaf, this.#sources.open, this.#signal);
  }

  /**
   * Everything below a node as JSON.
   * @returns the value, and the names of leaves that it could not take in
   */
  async nested(node: StateNode | StateLeaf): Promise<{ value: Json | undefined; left: string[] }> {
    if (node.kind === "tensor" || node.kind === "object") {
      const value = await this.json(node);
      return { value, left: value === undefined ? [node.name] : [] };
    }
    const left: string[] = [];
    const items: [string | number, Json][] = [];
    const entries = [...node.entries];
    for (let at = 0; at < entries.length; at += itemsAtOnce) {
      const batch = entries.slice(at, at + itemsAtOnce);
      const found = await Promise.all(batch.map(([, entry]) => this.nested(entry)));
      for (const [index, { value, left: inner }] of found.entries()) {
        left.push(...inner);
        if (value !== undefined) items.push([batch[index]?.[0] ?? "", value]);
      }
    }
    if (items.length === 0 && left.length > 0) return { value: undefined, left };
    if (node.kind === "list") return { value: items.map(([, value]) => value), left };
    const record = Object.create(null) as Record<string, Json>;
    for (const [key, value] of items) record[String(key)] = value;
    return { value: record as JsonRecord, left };
  }
}
