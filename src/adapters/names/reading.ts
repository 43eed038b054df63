import type { NameMeaning, Observation } from "../../core/index.ts";
import type { Structure } from "./structure.ts";

/** What is known about a set of names before reading it. */
export interface NameContext {
  /** `adapter`: a file that PEFT wrote or should have written. `model`: a state dict. */
  readonly kind: "model" | "adapter" | "unknown";
  /** Canonical names of the base model, where one is at hand; names are then fitted to them. */
  readonly knownBaseNames?: ReadonlySet<string>;
}

/** A name, how it was taken apart, and what it means. */
export interface ReadName {
  readonly stored: string;
  readonly structure: Structure;
  readonly meaning: NameMeaning;
}

export interface NamesReading {
  /** By stored name, in the order given. */
  readonly meanings: ReadonlyMap<string, NameMeaning>;
  readonly observations: readonly Observation[];
  /** Adapter type or ecosystem (`LOHA`, `KOHYA`) → stored names of role `foreign`. */
  readonly foreign: ReadonlyMap<string, readonly string[]>;
}
