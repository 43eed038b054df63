import type { PickleValue } from "../../pickle/index.ts";

/** What one torch.save file holds, before it is looked through for tensors. */
export interface TorchContent {
  readonly object: PickleValue;
  /** Every global that its pickle names. */
  readonly globals: readonly string[];
}
