import type { Understanding } from "../../adapters/index.ts";
import { type BaseComponent, type FileEntry, FormatError, type Tensor } from "../../core/index.ts";
import { type FoundConfig, givenConfig } from "../adapter-configs.ts";
import { adapterConfigName, adapterWeightNames } from "../adapter-files.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { companionsOf } from "../companions.ts";
import { type AdapterFile, sortParts } from "../components.ts";
import { findJsonDocument } from "../documents.ts";
import { rootPaths } from "../evidence.ts";
import { openModelTensors } from "../model-tensors.ts";
import type { CheckpointParts } from "../opened-checkpoint.ts";
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

type Model = Pick<Understanding, "base" | "adapters" | "entries">;

async function readModel(
  files: CheckpointFiles,
  manifest: Manifest,
  listed: readonly FileEntry[],
): Promise<Model> {
  const { base: stored, adapters } = manifest.components;
  const model = stored && (await openBase(files, stored.isComplete));
  const modelConfig = await findJsonDocument(files.tree, "base/config.json");
  const adapterFiles: AdapterFile[] = [];
  const found = new Map<string, FoundConfig>();
  for (const { name } of adapters) {
    const directory = `adapters/${name}/`;
    const config = await findJsonDocument(files.tree, directory + adapterConfigName);
    if (config !== undefined) found.set(name, { config, from: directory + adapterConfigName });
    const weights = adapterWeightNames.find((file) => listed.some(({ path }) => path === directory + file));
    if (weights !== undefined) adapterFiles.push({ name, opened: await files.open(directory + weights) });
  }
  const given = files.options.adapterConfig;
  const adapterConfigs = { found, ...(given && { given: { config: given, from: givenConfig } }) };
  if (stored?.isComplete !== false)
    return sortParts({ model, modelConfig, adapterFiles, adapterConfigs, isSplit: true }, files);
  // Part of a base says nothing about the names of the whole, so the adapters' names are not fitted to it.
  const base = sortParts(
    { model, modelConfig, adapterFiles: [], adapterConfigs: { found: new Map() } },
    files,
  );
  const rest = sortParts({ modelConfig, adapterFiles, adapterConfigs }, files);
  return {
    ...(base.base && { base: base.base }),
    adapters: rest.adapters,
    entries: [...base.entries, ...rest.entries],
  };
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
