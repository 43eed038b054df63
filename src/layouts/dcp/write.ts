import { byteLengthOf, type Draft, type OutputFile } from "../../core/index.ts";
import { archiveExtents, TensorPlace } from "../../formats/index.ts";
import type { ArrangeOptions } from "../layout.ts";
import { defaultShardBytes } from "../limits.ts";
import { refusePartialBase } from "../live-model.ts";
import { modelDocuments } from "../model-documents.ts";
import { metadataName } from "./read.ts";
import { type PlacedItem, writeMetadata } from "./write-metadata.ts";
import { type WrittenItem, writtenItems } from "./written-items.ts";

/**
 * One folder, as `dcp.save({"model": …, "optimizer": …})` leaves it: data files in which each tensor and each Python object is a
 * torch.save archive of its own, and `.metadata`, which comes last. Beside them what the names do not say: config.json,
 * adapter_config.json and the model's companions. A data file takes items until `maxShardBytes` of tensors are in it.
 * @throws PlanError TENON_LAYOUT_NEEDS_WHOLE_BASE, TENON_LAYOUT_SAME_NAME, TENON_OPTIMIZER_NOT_IN_MODEL,
 *   TENON_DCP_NAMES_CLASH; UnsupportedError TENON_TORCH_DTYPE_UNWRITABLE
 */
export function arrangeDcp(draft: Draft, options: ArrangeOptions): readonly OutputFile[] {
  refusePartialBase("dcp", draft);
  const files: OutputFile[] = [];
  const placed: PlacedItem[] = [];
  for (const [at, items] of dataFiles(
    writtenItems(draft),
    options.maxShardBytes ?? defaultShardBytes,
  ).entries()) {
    const path = `__0_${at}.distcp`;
    const entries = items.flatMap((item) => ("recipe" in item ? [item] : []));
    const objects = items.map((item) => ("recipe" in item ? new TensorPlace(item.name) : item.object));
    const stored = entries.map(({ name, recipe: { dtype, shape } }) => ({ name, dtype, shape }));
    for (const [index, extent] of archiveExtents(stored, objects).entries())
      placed.push({ item: items[index] as WrittenItem, place: { file: path, ...extent } });
    files.push({
      kind: "tensors",
      path,
      format: "torch",
      entries: entries.map(({ name, recipe }) => ({ name, recipe })),
      metadata: {},
      objects,
    });
  }
  files.push(...modelDocuments(draft));
  files.push({ kind: "bytes", path: metadataName, bytes: writeMetadata(placed) });
  return files;
}

/** In the order given; a tensor that is too large for any file gets its own. */
function dataFiles(items: readonly WrittenItem[], maxBytes: number): readonly (readonly WrittenItem[])[] {
  const files: WrittenItem[][] = [];
  let usedBytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const bytes = "recipe" in item ? byteLengthOf(item.recipe.dtype, item.recipe.shape) : 0;
    if (usedBytes + bytes > maxBytes) {
      files.push([]);
      usedBytes = 0;
    }
    files.at(-1)?.push(item);
    usedBytes += bytes;
  }
  return files;
}
