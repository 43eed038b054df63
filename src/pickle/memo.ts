import type { PickleMap, PickleRecord, PickleValue } from "./values.ts";

/** How far back a state lies when its record takes it: its keys and values are younger. */
const recentEntries = 64;

/** Stands for a dict that a record took over. */
class StateOf {
  readonly record: PickleRecord;

  constructor(record: PickleRecord) {
    this.record = record;
  }
}

/** What a pickle may go back to, by number. */
export class Memo {
  readonly #entries: (PickleValue | StateOf)[] = [];

  get size(): number {
    return this.#entries.length;
  }

  put(index: number, value: PickleValue): void {
    this.#entries[index] = value;
  }

  /** Undefined for what was never put. */
  get(index: number): PickleValue | undefined {
    const entry = this.#entries[index];
    if (!(entry instanceof StateOf)) return entry;
    const { state } = entry.record;
    if (state !== undefined) this.#entries[index] = state;
    return state;
  }

  /** Keeps the record in the place of its state: the dicts of millions of objects would stay until the end. */
  takeOver(state: PickleMap, record: PickleRecord): void {
    const entries = this.#entries;
    const first = Math.max(0, entries.length - recentEntries);
    for (let at = entries.length - 1; at >= first; at--)
      if (entries[at] === state) entries[at] = new StateOf(record);
  }
}
