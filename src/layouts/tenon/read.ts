import { type BaseComponent, type FileEntry, FormatError, type Tensor } from "../../core/index.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { companionsOf } from "../companions.ts";
import { findJsonDocument } from "../documents.ts";
import { rootPaths } from "../evidence.ts";
import { openModelTensors } from "../model-tensors.ts";
import type { CheckpointParts } from "../opened-checkpoint.ts";
import { readSplitModel } from "../split-model.ts";
import { SubTree } from "../sub-tree.ts";
import { manifestFiles, readManifest } from "./manifest.ts";
import { deltaName } from "./places.ts";
import type { Manifest } from "./schema.ts";
import { readTenonOptimizer, readTenonTrainer } from "./training.ts";

/** Reads a tenon checkpoint by its manifest. @throws FormatError TENON_MANIFEST_… */
export async function readTenon(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
): Promise<Omit<CheckpointParts, "layout" | "evidence">> {
  const { tree } = files;
  const manifest = await readManifest(tree);
  compareSizes(manifest, listed, files);
  const { base: stored, optimizer, trainer } = manifest.components;
  const { base, adapters, entries } = await readModel(files, manifest, listed);
  return {
    adapters,
    entries,
    base: stored && {
      ...(base ?? emptyBase),
      isComplete: stored.isComplete,
      ...tiesAndReference(stored, base),
    },
    companions: companionsOf(listed, stored?.isComplete === true ? "base" : ""),
    optimizer: optimizer && (await readTenonOptimizer(files)),
    trainer: trainer && (await readTenonTrainer(tree)),
  };
}

async function readModel(
  files: CheckpointFiles,
  manifest: Manifest,
  listed: readonly FileEntry[],
): ReturnType<typeof readSplitModel> {
  const { base: stored, adapters } = manifest.components;
  return readSplitModel(files, listed, {
    base: stored && (await openBase(files, stored.isComplete)),
    isWhole: stored?.isComplete !== false,
    config: await findJsonDocument(files.tree, "base/config.json"),
    adapters: adapters.map(({ name }) => name),
  });
}

/** A base that differs in nothing from what it stands on. */
const emptyBase = { tensors: new Map<string, Tensor>(), shards: new Map<string, readonly string[]>() };

type StoredBase = NonNullable<Manifest["components"]["base"]>;

function tiesAndReference(
  { ties, reference }: StoredBase,
  base: BaseComponent | undefined,
): Pick<BaseComponent, "ties" | "reference"> {
  return {
    ties: new Map([...(base?.ties ?? []), ...Object.entries(ties)]),
    ...(reference && {
      reference: { location: reference.location, digests: new Map(Object.entries(reference.digests)) },
    }),
  };
}

async function openBase(files: CheckpointFiles, isComplete: boolean): Promise<readonly Tensor[] | undefined> {
  if (!isComplete) return (await files.open(deltaName)).tensors;
  const base = new SubTree(files.tree, "base");
  return openModelTensors(files, rootPaths(await base.list()), base);
}

/** The manifest states sizes; digests are the business of `verify`, which reads everything. */
function compareSizes(manifest: Manifest, listed: readonly FileEntry[], files: CheckpointFiles): void {
  const sizes = new Map(listed.map(({ path, byteLength }) => [path, byteLength]));
  for (const { path, bytes } of manifestFiles(manifest)) {
    const found = sizes.get(path);
    if (found === bytes) continue;
    const details = { path, bytes, found: found ?? null };
    const error =
      found === undefined
        ? new FormatError(
            "TENON_MANIFEST_FILE_MISSING",
            `tenon: a file of ${bytes} bytes is not there (${path})`,
            { details },
          )
        : new FormatError(
            "TENON_MANIFEST_SIZE_DIFFERS",
            `tenon: a file has ${found} bytes, the manifest says ${bytes} (${path})`,
            { details },
          );
    files.notices.damage(error, [path]);
  }
}
