// A config that an adapter lacks may lie where nobody looks for it: in a folder of the source, or one directory up.
import { type LoraConfig, matchesTarget, parseLoraConfig, resolveRankAndAlpha } from "../adapters/index.ts";
import { readDocument } from "../bytes/index.ts";
import {
  type AdapterComponent,
  type AdapterModule,
  type Checkpoint,
  isTenonError,
  parseJsonRecord,
} from "../core/index.ts";
import type { Host, Source } from "./host.ts";

const name = "adapter_config.json";

interface Candidate {
  /** As it can be given to `--adapter-config`. */
  readonly path: string;
  readonly read: () => Promise<Uint8Array>;
}

/**
 * The path of the one config nearby that fits every adapter without one: its modules by name and its ranks by shape. None where
 * several fit and differ, and for sources that are no local path.
 */
export async function configNearby(
  host: Host,
  source: Source,
  checkpoint: Checkpoint,
): Promise<string | undefined> {
  const lacking = [...checkpoint.adapters.values()].filter(({ config }) => config === undefined);
  if (typeof source !== "string" || /^[a-z][a-z0-9+.-]+:\/\//i.test(source) || lacking.length === 0)
    return undefined;
  const fitting = new Map<string, string>();
  for (const { path, read } of [...inside(source, checkpoint), ...(await above(host, source))]) {
    const text = new TextDecoder().decode(await read());
    if (lacking.every((adapter) => isFit(text, path, adapter)) && !fitting.has(text)) fitting.set(text, path);
  }
  const [only, ...others] = fitting.values();
  return others.length === 0 ? only : undefined;
}

function inside(source: string, checkpoint: Checkpoint): Candidate[] {
  const directory = source.replace(/[/\\]+$/, "");
  return checkpoint.files
    .filter(({ path }) => path.endsWith(`/${name}`))
    .map(({ path }) => ({ path: `${directory}/${path}`, read: () => checkpoint.readDocument(path) }));
}

/** In the directory above a directory. A file has its own directory looked at when it is opened. */
async function above(host: Host, source: string): Promise<Candidate[]> {
  const directory = source.replace(/[/\\]+$/, "");
  const cut = Math.max(directory.lastIndexOf("/"), directory.lastIndexOf("\\"));
  if (cut < 1 || /^\.*$/.test(directory.slice(cut + 1))) return [];
  const parent = directory.slice(0, cut);
  try {
    const tree = await host.openTree(`${parent}/${name}`);
    const [file] = await tree.list();
    const path = file?.path ?? name;
    return [{ path: `${parent}/${name}`, read: () => readDocument(tree, path).finally(() => tree.close()) }];
  } catch (error) {
    if (isTenonError(error)) return [];
    throw error;
  }
}

function isFit(text: string, path: string, { modules }: AdapterComponent): boolean {
  try {
    const config = parseLoraConfig(parseJsonRecord(text, { file: path }), path);
    return [...modules.values()].every((module) => fitsModule(config, module));
  } catch (error) {
    if (isTenonError(error)) return false;
    throw error;
  }
}

function fitsModule(config: LoraConfig, { path, loraA, loraEmbeddingA }: AdapterModule): boolean {
  const rows = (loraA ?? loraEmbeddingA)?.shape[0];
  // Of experts the rows are those of all of them, and the module's name is not the parameter's.
  if (config.targetParameters.length > 0) return false;
  const target = matchesTarget(config, path);
  return (target === "target" || target === "unknown") && resolveRankAndAlpha(config, path).loraRank === rows;
}
