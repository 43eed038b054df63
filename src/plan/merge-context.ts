import type { JsonRecord, Tensor } from "../core/index.ts";
import type { AdapterChoice, MergeOptions } from "./merge-input.ts";
import type { MergedParameters } from "./merged-parameters.ts";

/** What all adapters of one merge share. */
export interface MergeContext {
  readonly parameters: MergedParameters;
  readonly modelConfig: JsonRecord | undefined;
  readonly options: MergeOptions;
  readonly isSame: (a: Tensor, b: Tensor) => boolean;
  /** Whether the base tensor of a parameter is the live one that this adapter was saved with. */
  readonly isLiveBase: (choice: AdapterChoice, parameter: string) => boolean;
}
