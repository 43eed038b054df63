import type { AdapterComponent, BaseComponent, JsonRecord, Observation } from "../../core/index.ts";
import type { BaseShapes } from "./trained-embeddings.ts";

/** What lies beside the tensors and says what they are. */
export interface ComponentDocuments {
  /** Parsed config.json of the base. */
  readonly config?: JsonRecord;
  /** Adapter's name → its adapter_config.json. */
  readonly adapterConfigs: ReadonlyMap<string, { readonly config: JsonRecord; readonly from: string }>;
  /** A config that the caller gave: counts for every adapter, since it was given because what is there does not do. */
  readonly givenConfig?: { readonly config: JsonRecord; readonly from: string };
  /**
   * Tensor file → name of the adapter that it belongs to, for files in PEFT's adapter format. All other files hold a
   * model's state.
   */
  readonly adapterFiles: ReadonlyMap<string, string>;
  /** The base that it stands on, where one is given apart: tells trained embeddings from those that PEFT saves. */
  readonly knownBase?: BaseShapes;
  /** What to do when several stored names mean one parameter and are not one tensor. Default `refuse`. */
  readonly duplicates?: "refuse" | "observe";
}

export interface Components {
  /** Absent when no base parameter is stored outside of adapter files. */
  readonly base?: BaseComponent;
  /** By name, in the order met. */
  readonly adapters: ReadonlyMap<string, AdapterComponent>;
  readonly observations: readonly Observation[];
}
