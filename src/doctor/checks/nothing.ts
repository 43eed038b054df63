import type { Checkpoint, Observation } from "../../core/index.ts";

/** That a source was opened and there is nothing in it: an optimizer's state dict by itself, a dict without tensors. */
export function observeNothing({
  base,
  adapters,
  optimizer,
  trainer,
  entries,
}: Pick<Checkpoint, "base" | "adapters" | "optimizer" | "trainer" | "entries">): Observation[] {
  const isEmpty =
    base === undefined && adapters.size === 0 && optimizer === undefined && trainer === undefined;
  return isEmpty && entries.length === 0 ? [{ code: "TENON_CHECKPOINT_EMPTY", names: [], facts: {} }] : [];
}
