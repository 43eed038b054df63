import type { NameMeaning, Observation } from "../../core/index.ts";
import type { Structure } from "./structure.ts";

/** What is known about a set of names before reading it. */
export interface NameContext {
  /** `adapter`: a file that PEFT wrote or should have written. `model`: a state dict. */
  readonly kind: "model" | "adapter" | "unknown";
  /** Canonical names of the base model, where one is at hand; names are then fitted to them. */
  readonly knownBaseNames?: ReadonlySet<string>;
  /** Further names of base parameters that fit, as a live model has them where the base has others. */
  readonly liveNames?: ReadonlyMap<string, unknown>;
}

/** A name, how it was taken apart, and what it means. */
export interface ReadName {
  readonly stored: string;
  readonly structure: Structure;
  /** What was fitted to the known names: of a base parameter its name, of an adapter tensor its module. */
  readonly path: string;
  readonly meaning: NameMeaning;
}

export interface NamesReading {
  /** By stored name, in the order given. */
  readonly meanings: ReadonlyMap<string, NameMeaning>;
  readonly observations: readonly Observation[];
  /** Adapter type or ecosystem (`LOHA`, `KOHYA`) → stored names of role `foreign`. */
  readonly foreign: ReadonlyMap<string, readonly string[]>;
}
