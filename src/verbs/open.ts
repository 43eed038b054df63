import { derivedLoraConfig } from "../adapters/index.ts";
import { blobTree, httpTree, readDocument, type SourceTree } from "../bytes/index.ts";
import {
  type Checkpoint,
  type JsonRecord,
  type Observation,
  parseJsonRecord,
  UnsupportedError,
  UsageError,
} from "../core/index.ts";
import { formats as ownFormats } from "../formats/index.ts";
import {
  detectLayout,
  type Layout,
  listedOnce,
  type OpenOptions,
  layouts as ownLayouts,
} from "../layouts/index.ts";
import type { Host, Source } from "./host.ts";
import type { ReadOptions } from "./options.ts";

export interface OpenSourceOptions extends ReadOptions {
  /** Damage that can be stepped over goes here instead of being thrown: the doctor listens. */
  readonly report?: (observation: Observation) => void;
  /** Canonical names of the base that the source stands on: its names are then fitted to them. */
  readonly knownBaseNames?: ReadonlySet<string>;
  /** That base itself. */
  readonly knownBase?: OpenOptions["knownBase"];
}

/**
 * Opens whatever was saved, from metadata alone. The caller closes the checkpoint.
 * @throws UsageError TENON_SOURCE_NOT_FOUND, TENON_LAYOUT_AMBIGUOUS; UnsupportedError TENON_LAYOUT_UNKNOWN; FormatError
 *   for damaged files
 */
export async function openSource(
  host: Host,
  source: Source,
  options: OpenSourceOptions = {},
): Promise<Checkpoint> {
  if (options.adapterConfig !== undefined || options.alpha === undefined)
    return openOnce(host, source, options);
  const opened = await openOnce(host, source, options);
  const [adapter] = [...opened.adapters.values()].filter(({ config }) => config === undefined);
  if (adapter === undefined) return opened;
  let adapterConfig: JsonRecord;
  try {
    adapterConfig = derivedLoraConfig(adapter.modules.values(), options.alpha);
  } finally {
    await opened.close();
  }
  // Opened again, because what the layout observed without a config is no longer so.
  return openOnce(host, source, { ...options, adapterConfig });
}

const trees = new WeakMap<Checkpoint, SourceTree>();

/** The files that a checkpoint was opened from; it closes them. */
export function treeOfCheckpoint(checkpoint: Checkpoint): SourceTree {
  const tree = trees.get(checkpoint);
  if (tree === undefined) throw new Error("internal: not opened by openSource");
  return tree;
}

async function openOnce(host: Host, source: Source, options: OpenSourceOptions): Promise<Checkpoint> {
  const tree = listedOnce(await treeOf(host, source));
  try {
    const { formats = ownFormats, signal, report, knownBaseNames, knownBase, paramOrder } = options;
    const adapterConfig = options.adapterConfig ?? (await configBeside(host, source, tree));
    const layout = await chooseLayout(tree, options);
    const checkpoint = await layout.open(tree, {
      formats,
      ...(signal && { signal }),
      ...(report && { report }),
      ...(knownBaseNames && { knownBaseNames }),
      ...(knownBase && { knownBase }),
      ...(paramOrder && { paramOrder }),
      ...(adapterConfig && { adapterConfig }),
    });
    trees.set(checkpoint, tree);
    refuseUnused(checkpoint, paramOrder);
    return checkpoint;
  } catch (error) {
    await tree.close();
    throw error;
  }
}

/** @throws UsageError TENON_PARAM_ORDER_UNUSED for an order that nothing was named by */
function refuseUnused({ optimizer, location }: Checkpoint, paramOrder: readonly string[] | undefined): void {
  if (paramOrder === undefined || optimizer?.naming !== undefined) return;
  const found = optimizer === undefined ? "there is no optimizer" : "its optimizer has names of its own";
  throw new UsageError("TENON_PARAM_ORDER_UNUSED", `param-order: ${found} (${location})`, {
    details: { source: location, hasOptimizer: optimizer !== undefined },
    hint: "Leave out --param-order.",
  });
}

async function chooseLayout(tree: SourceTree, options: OpenSourceOptions): Promise<Layout> {
  const { formats = ownFormats, layouts = ownLayouts, signal } = options;
  if (options.layout === undefined)
    return (await detectLayout(tree, layouts, { formats, ...(signal && { signal }) })).layout;
  const named = layouts.find(({ name }) => name === options.layout);
  if (named !== undefined) return named;
  const names = layouts.map(({ name }) => name);
  throw new UsageError(
    "TENON_LAYOUT_NOT_KNOWN",
    `layout: ${JSON.stringify(options.layout)} is not known, there are ${names.join(", ")}`,
    { details: { layout: options.layout, allowed: names }, hint: "Name one of them." },
  );
}

/**
 * A tree of any source; one given as a tree becomes the checkpoint's own.
 * @throws UnsupportedError TENON_SOURCE_SCHEME for a URL of another kind than http
 */
export async function treeOf(host: Host, source: Source): Promise<SourceTree> {
  if (typeof source === "string") {
    const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(source)?.[1]?.toLowerCase();
    if (scheme === undefined) return host.openTree(source);
    if (scheme === "http" || scheme === "https") return httpTree(source);
    throw new UnsupportedError(
      "TENON_SOURCE_SCHEME",
      `open: ${scheme}:// is not read, only https:// and http:// (${source})`,
      {
        details: { scheme, source, allowed: ["https", "http"] },
        hint: "Give the https:// address of the files, or download them.",
      },
    );
  }
  if (source instanceof Blob)
    return blobTree([source instanceof File ? source : { path: "dropped", blob: source }]);
  return Symbol.iterator in source ? blobTree(source) : source;
}

/** A file that is opened alone does not see the adapter_config.json beside it, which says alpha. */
async function configBeside(host: Host, source: Source, tree: SourceTree): Promise<JsonRecord | undefined> {
  if (typeof source !== "string" || !tree.isSingleFile || /^https?:/i.test(source)) return undefined;
  const end = Math.max(tree.location.lastIndexOf("/"), tree.location.lastIndexOf("\\"));
  const around = await host.openTree(tree.location.slice(0, end + 1) || ".");
  try {
    const name = "adapter_config.json";
    if ((await around.find(name)) === undefined) return undefined;
    return parseJsonRecord(new TextDecoder().decode(await readDocument(around, name)), { file: name });
  } finally {
    await around.close();
  }
}
