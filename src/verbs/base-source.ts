import { type Checkpoint, isTenonError, PlanError, type Tensor, UnsupportedError } from "../core/index.ts";
import { type BaseLayer, type OverlaidBase, overlayBases } from "../plan/index.ts";
import { digestsOf } from "./bits.ts";
import type { Host, Source } from "./host.ts";
import { openSource } from "./open.ts";
import type { ReadOptions, RunOptions } from "./options.ts";

export interface BaseSourceOptions extends ReadOptions, RunOptions {
  /** The model that a checkpoint stands on, in the place of the one that it names itself. */
  readonly base?: Source;
}

export interface BaseLayers {
  /** The lowest first; empty when neither the checkpoint nor the options have a base. */
  readonly layers: readonly BaseLayer[];
  /** What was opened for it. The caller closes these. */
  readonly opened: readonly Checkpoint[];
}

/** References that lead from delta to delta. A longer chain is a loop or a mistake. */
const chainLimit = 8;

/**
 * The bases that a checkpoint stands on. One that names its base (a tenon checkpoint made with `--base`) is followed to a
 * local path that still exists; anything else has to be given. Tensors that the checkpoint relies on are compared with the
 * digests that it recorded, whoever named the base.
 *
 * When nothing can be followed the answer is the checkpoint's own part, and whoever needs the whole refuses.
 * @throws PlanError TENON_BASE_ABSENT, TENON_BASE_HAS_ADAPTERS, TENON_BASE_DIGEST_DIFFERS, TENON_BASE_CHAIN;
 *   UnsupportedError TENON_BASE_DIGEST_KIND; what opening throws
 */
export async function baseLayersOf(
  host: Host,
  checkpoint: Checkpoint,
  options: BaseSourceOptions = {},
): Promise<BaseLayers> {
  const opened: Checkpoint[] = [];
  try {
    return { layers: await layersUnder(host, checkpoint, options, opened), opened };
  } catch (error) {
    for (const each of opened) await each.close();
    throw error;
  }
}

/**
 * Opens a model that others stand on. Options that describe the source beside it (its layout, its alpha) are not for it.
 * @throws PlanError TENON_BASE_ABSENT, TENON_BASE_HAS_ADAPTERS
 */
export async function openBase(
  host: Host,
  source: Source,
  { formats, layouts, signal }: ReadOptions,
): Promise<Checkpoint> {
  const base = await openSource(host, source, {
    ...(formats && { formats }),
    ...(layouts && { layouts }),
    ...(signal && { signal }),
  });
  const refusal = unfit(base);
  if (refusal === undefined) return base;
  await base.close();
  throw refusal;
}

async function layersUnder(
  host: Host,
  checkpoint: Checkpoint,
  options: BaseSourceOptions,
  opened: Checkpoint[],
): Promise<BaseLayer[]> {
  const { base, location } = checkpoint;
  const own = base === undefined ? [] : [{ label: location, base }];
  const under =
    options.base === undefined
      ? await follow(host, checkpoint, options)
      : await openBase(host, options.base, options);
  if (under === undefined) return own;
  opened.push(under);
  if (opened.length > chainLimit) throw chainTooLong(checkpoint, opened);
  // What was given is the base of this checkpoint, not of the base's own base.
  const { base: _, ...others } = options;
  const below = await layersUnder(host, under, others, opened);
  await compareDigests(host, checkpoint, below, [checkpoint, ...opened], options);
  return [...below, ...own];
}

/** Opens the base that a checkpoint names; undefined where that cannot be done, or could not be checked. */
async function follow(
  host: Host,
  { base }: Checkpoint,
  options: ReadOptions,
): Promise<Checkpoint | undefined> {
  const reference = base?.isComplete === false ? base.reference : undefined;
  if (reference === undefined || reference.digests.size === 0 || !isLocalPath(reference.location))
    return undefined;
  try {
    return await openBase(host, reference.location, options);
  } catch (error) {
    if (isTenonError(error) && error.code === "TENON_SOURCE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** A path that means the same from everywhere. A file that was received must not make tenon go to the network. */
function isLocalPath(location: string): boolean {
  return /^(?:\/(?!\/)|[A-Za-z]:[\\/])/.test(location);
}

function unfit({ base, adapters, location }: Checkpoint): PlanError | undefined {
  if (base === undefined || base.tensors.size === 0) {
    // A delta that differs in nothing from what it stands on is a base all the same.
    if (base?.reference !== undefined) return undefined;
    return new PlanError("TENON_BASE_ABSENT", `base: there are no base parameters in it (${location})`, {
      details: { base: location, adapters: [...adapters.keys()] },
      hint: "Give the directory of the model that the adapter was trained on.",
    });
  }
  if (adapters.size === 0) return undefined;
  const names = [...adapters.keys()];
  const message = `base: it has adapters of its own, which are not merged: ${names.join(", ")} (${location})`;
  return new PlanError("TENON_BASE_HAS_ADAPTERS", message, {
    details: { base: location, adapters: names },
    hint: "Merge them first, or give the base without them.",
  });
}

/**
 * Compares what a delta relies on with the base that lies below it; nothing to do for any other checkpoint.
 * @throws PlanError TENON_BASE_DIGEST_DIFFERS; UnsupportedError TENON_BASE_DIGEST_KIND
 */
export async function compareDigests(
  host: Host,
  { base, location }: Checkpoint,
  below: readonly BaseLayer[],
  sources: readonly Checkpoint[],
  options: RunOptions,
): Promise<void> {
  const digests = base?.isComplete === false ? base.reference?.digests : undefined;
  if (digests === undefined || digests.size === 0) return;
  const found = overlayBases(below);
  const relied: { name: string; tensor: Tensor; digest: string }[] = [];
  const differing: string[] = [];
  for (const [name, digest] of digests) {
    if (!digest.startsWith("xxh3-blocks:")) throw unknownDigest(name, digest, location);
    const tensor = tensorNamed(found, name);
    if (tensor === undefined) differing.push(name);
    else relied.push({ name, tensor, digest });
  }
  const tensors = relied.map(({ tensor }) => tensor);
  const actual = await digestsOf(host, tensors, sources, options, "compare the base");
  for (const [at, { name, digest }] of relied.entries()) if (actual[at] !== digest) differing.push(name);
  if (differing.length > 0) throw digestsDiffer(differing, digests.size, location, below);
}

/** A tied alias is not stored under its own name. */
export function tensorNamed(
  base: Pick<OverlaidBase, "tensors" | "ties"> | undefined,
  name: string,
): Tensor | undefined {
  return base?.tensors.get(name) ?? base?.tensors.get(base.ties.get(name) ?? name);
}

function chainTooLong({ location }: Checkpoint, opened: readonly Checkpoint[]): PlanError {
  const locations = opened.map((each) => each.location);
  const message = `base: references lead on through ${opened.length} checkpoints; at most ${chainLimit} are followed (${location})`;
  return new PlanError("TENON_BASE_CHAIN", message, { details: { locations }, hint: "Give it: --base DIR" });
}

function unknownDigest(name: string, digest: string, location: string): UnsupportedError {
  const message = `base: the digest of "${name}" is ${digest}; known is xxh3-blocks (${location})`;
  return new UnsupportedError("TENON_BASE_DIGEST_KIND", message, { details: { tensor: name, digest } });
}

function digestsDiffer(
  names: readonly string[],
  count: number,
  location: string,
  below: readonly BaseLayer[],
): PlanError {
  const base = below.map(({ label }) => label).join(", ");
  const some = names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
  const message = `base: ${names.length} of ${count} tensors are not those that ${location} relies on: ${some} (${base})`;
  return new PlanError("TENON_BASE_DIGEST_DIFFERS", message, {
    details: { names: names.slice(0, 1000), count: names.length, relied: count, base, source: location },
    hint: "Give the base that it was split from: --base DIR",
  });
}
