// accelerate before the fix of its issue #4206: FULL_STATE_DICT of FSDP2 kept rank 0's slice of every parameter and nothing else.
import { FormatError } from "../core/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import type { ModelPart } from "./model-part.ts";

interface Axis {
  readonly name: string;
  /** Rows that are stored, and rows that the parameter must have. */
  readonly stored: number;
  readonly whole: number;
}

/**
 * Refuses a model of which only the first rank's rows are stored. The width of lora_B and the size in config.json tell how
 * many rows there must be; all must fall short by one number of ranks.
 * @throws FormatError TENON_FSDP_SLICE
 */
export function refuseSlice(files: CheckpointFiles, model: ModelPart, path: string | undefined): void {
  const axes = axesOf(model);
  const [first] = axes;
  if (first === undefined || path === undefined || first.stored >= first.whole) return;
  const ranks = ranksOf(axes);
  if (ranks === undefined) return;
  const { name, stored, whole } = first;
  const message = `fsdp: only one rank's slice of ${axes.length} parameters is stored, of about ${ranks}: ${name} has ${stored} of ${whole} rows (${path})`;
  const error = new FormatError("TENON_FSDP_SLICE", message, {
    details: { ranks, parameters: axes.length, name, stored, whole, path },
    hint: "Save again with an accelerate that has the fix of #4206, or with SHARDED_STATE_DICT; the other slices are lost.",
  });
  files.notices.damage(
    error,
    axes.map(({ name }) => name),
  );
}

function axesOf({ base, adapters }: ModelPart): Axis[] {
  const axes: Axis[] = [];
  for (const { modules } of adapters.values())
    for (const { path, loraA, loraB } of modules.values()) {
      const [stored, whole] = [loraA?.shape[0], loraB?.shape[1]];
      if (stored !== undefined && whole !== undefined) axes.push({ name: `${path}.lora_A`, stored, whole });
    }
  const hidden = base?.config?.["hidden_size"];
  for (const [name, { shape }] of base?.tensors ?? [])
    if (typeof hidden === "number" && shape.length === 1 && /(^|\.|_)(layer)?norm\.weight$/.test(name))
      axes.push({ name, stored: shape[0] as number, whole: hidden });
  return axes;
}

/** The number of ranks that explains every axis: torch gives each rank ceil(rows / ranks). */
function ranksOf(axes: readonly Axis[]): number | undefined {
  const most = Math.max(...axes.map(({ whole }) => whole));
  for (let ranks = 2; ranks <= most; ranks++)
    if (axes.every(({ stored, whole }) => stored === Math.ceil(whole / ranks))) return ranks;
  return undefined;
}
