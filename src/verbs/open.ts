import { blobTree, httpTree, type SourceTree } from "../bytes/index.ts";
import {
  type Checkpoint,
  isTenonError,
  type Observation,
  type TenonError,
  UnsupportedError,
  UsageError,
} from "../core/index.ts";
import { formats as ownFormats } from "../formats/index.ts";
import {
  detectLayout,
  type FoundConfig,
  type Layout,
  listedOnce,
  type OpenOptions,
  layouts as ownLayouts,
  type SniffOptions,
  stepSeries,
} from "../layouts/index.ts";
import { configsAround } from "./configs-around.ts";
import { derivedConfigs } from "./derived-configs.ts";
import type { Host, Source } from "./host.ts";
import { notingSteps, type OpenedStep, type OpenTree, openNewestStep } from "./open-step.ts";
import type { ReadOptions } from "./options.ts";

export interface OpenSourceOptions extends ReadOptions {
  /** Damage that can be stepped over goes here instead of being thrown: the doctor listens. */
  readonly report?: (observation: Observation) => void;
  /** Canonical names of the base that the source stands on: its names are then fitted to them. */
  readonly knownBaseNames?: ReadonlySet<string>;
  /** That base itself. */
  readonly knownBase?: OpenOptions["knownBase"];
}

/** What opening takes, with what lies around the source. */
type SurroundedOptions = OpenSourceOptions & Pick<OpenOptions, "configsAround">;

/** With configs by adapter name that follow from alpha. */
type DerivedOptions = OpenSourceOptions & { readonly derived?: ReadonlyMap<string, FoundConfig> };

/**
 * Opens whatever was saved, from metadata alone. The caller closes the checkpoint.
 * @throws UsageError TENON_SOURCE_NOT_FOUND, TENON_LAYOUT_AMBIGUOUS; TENON_ALPHA_CONTRADICTED; UnsupportedError
 *   TENON_LAYOUT_UNKNOWN; PlanError TENON_ALPHA_NOT_ENOUGH; FormatError for damaged files
 */
export async function openSource(
  host: Host,
  source: Source,
  options: OpenSourceOptions = {},
): Promise<Checkpoint> {
  const { alpha } = options;
  if (options.adapterConfig !== undefined || alpha === undefined) return openOnce(host, source, options);
  const opened = await openOnce(host, source, options);
  let derived: ReadonlyMap<string, FoundConfig>;
  try {
    derived = derivedConfigs(opened, alpha, options.knownBaseNames);
    if (derived.size === 0) return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
  await opened.close();
  // Opened again, because what the layout observed without a config is no longer so.
  return openOnce(host, source, { ...options, derived });
}

const trees = new WeakMap<Checkpoint, SourceTree>();

/** The files that a checkpoint was opened from; it closes them. */
export function treeOfCheckpoint(checkpoint: Checkpoint): SourceTree {
  const tree = trees.get(checkpoint);
  if (tree === undefined) throw new Error("internal: not opened by openSource");
  return tree;
}

async function openOnce(
  host: Host,
  source: Source,
  { derived, ...options }: DerivedOptions,
): Promise<Checkpoint> {
  const tree = listedOnce(await treeOf(host, source));
  try {
    const around = await configsAround(host, source, tree);
    const configs = new Map([...(around.configsAround ?? []), ...(derived ?? [])]);
    const { checkpoint, tree: own } = await openTree(tree, { ...around, ...options, configsAround: configs });
    trees.set(checkpoint, own);
    refuseUnused(checkpoint, options.paramOrder);
    return checkpoint;
  } catch (error) {
    await tree.close();
    throw error;
  }
}

/** What fits no layout by itself may be the directory of a run, whose newest complete step is opened. */
async function openTree(tree: SourceTree, options: SurroundedOptions): Promise<OpenedStep> {
  const found = await layoutOf(tree, options);
  if (!("error" in found) && !(await isRun(tree, found, options)))
    return { checkpoint: await notingSteps(await openAs(found, tree, options), tree), tree };
  const open: OpenTree = async (step, report) => {
    const layout = await layoutOf(step, options);
    if ("error" in layout) throw layout.error;
    return openAs(layout, step, { ...options, ...(report && { report }) });
  };
  const step = await openNewestStep(tree, open, options.report);
  if (step !== undefined) return step;
  throw "error" in found ? found.error : new Error("internal: a run without steps");
}

/** Whether `--layout` names what the steps are, and not the directory around them. */
async function isRun(tree: SourceTree, layout: Layout, options: SurroundedOptions): Promise<boolean> {
  if (options.layout === undefined || stepSeries(await tree.list()).length === 0) return false;
  return (await layout.sniff(tree, sniffOptions(options))).match === "no";
}

function sniffOptions({ formats = ownFormats, signal }: SurroundedOptions): SniffOptions {
  return { formats, ...(signal && { signal }) };
}

function openAs(layout: Layout, tree: SourceTree, options: SurroundedOptions): Promise<Checkpoint> {
  const { formats = ownFormats, signal, report, knownBaseNames, knownBase, paramOrder } = options;
  const { adapterConfig, configsAround, alpha } = options;
  return layout.open(tree, {
    formats,
    ...(signal && { signal }),
    ...(report && { report }),
    ...(knownBaseNames && { knownBaseNames }),
    ...(knownBase && { knownBase }),
    ...(paramOrder && { paramOrder }),
    ...(adapterConfig && { adapterConfig }),
    ...(configsAround && { configsAround }),
    ...(alpha !== undefined && { alpha }),
  });
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

/** The layout that reads a tree, or why there is none. @throws UsageError TENON_LAYOUT_NOT_KNOWN, TENON_LAYOUT_AMBIGUOUS */
async function layoutOf(
  tree: SourceTree,
  options: SurroundedOptions,
): Promise<Layout | { readonly error: TenonError }> {
  const { layouts = ownLayouts } = options;
  if (options.layout === undefined) {
    try {
      return (await detectLayout(tree, layouts, sniffOptions(options))).layout;
    } catch (error) {
      if (isTenonError(error) && error.code === "TENON_LAYOUT_UNKNOWN") return { error };
      throw error;
    }
  }
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
