import type { ByteSource, SinkTree } from "../bytes/index.ts";
import {
  type Checkpoint,
  type Draft,
  type OutputFile,
  type Tensor,
  throwIfAborted,
  UnsupportedError,
} from "../core/index.ts";
import { executeFiles, type JobOptions, planFiles, type WrittenTensor } from "../execute/index.ts";
import { type Format, formats as ownFormats } from "../formats/index.ts";
import type { ArrangeOptions, Layout, OutputText, WrittenFile } from "../layouts/index.ts";
import { type Explanation, explain } from "../plan/index.ts";
import { copyTree } from "./copy-tree.ts";
import type { Host } from "./host.ts";
import type { WriteOptions } from "./options.ts";
import { refuseEmpty } from "./refuse-empty.ts";
import { peakMemoryOf, planRun } from "./run.ts";

export interface DraftRequest {
  readonly draft: Draft;
  readonly layout: Layout;
  /**
   * Everything that the draft takes tensors from. A companion's `source` is `<index in this list>:<path>`.
   */
  readonly sources: readonly Checkpoint[];
  /** Tensors of the draft that no source has. */
  readonly made?: readonly Tensor[];
  readonly job: Omit<JobOptions, "factorBytes">;
  /** Whether the SHA-256 of every file is wanted, though the layout has no manifest. */
  readonly sha256?: boolean;
  readonly formats?: readonly Format[];
  readonly task: string;
  /** Documents that say what was written (a certificate); they come last, before the manifest. */
  readonly conclude?: (written: Written) => readonly OutputText[];
}

/** A file of the output. */
export interface OutputFileFacts {
  readonly path: string;
  readonly byteLength: number;
  readonly sha256?: string;
}

export interface Written {
  readonly files: readonly OutputFileFacts[];
  readonly tensors: readonly WrittenTensor[];
}

export interface DraftReport {
  readonly explanation: Explanation;
  /** What the layout says to whoever loads the output. */
  readonly advice: readonly string[];
  /** Absent after a dry run. */
  readonly written?: Written;
}

/**
 * Writes a draft through a layout: nothing is visible at the output until all of it is there and durable; after an error
 * or an abort nothing is left.
 * @throws PlanError TENON_CONVERSION_EMPTY; ConflictError TENON_OUTPUT_EXISTS; ResourceError TENON_DISK_FULL; what the layout refuses; what reading throws
 */
export async function writeDraft(
  host: Host,
  request: DraftRequest,
  options: WriteOptions,
): Promise<DraftReport> {
  const { draft, layout, sources } = request;
  const { maxShardBytes, signal, dryRun = false } = options;
  const formats = request.formats ?? ownFormats;
  const isTorchFile = typeof options.output === "string" && /\.(?:pt|pth|bin)$/.test(options.output);
  const files = await arrangementOf(layout, draft, {
    ...(maxShardBytes !== undefined && { maxShardBytes }),
    ...(isTorchFile && { isTorchFile }),
  });
  refuseEmpty(draft, request.task, sources[0]?.location ?? "");
  const resolve = resolver(sources, request.made);
  const tasks = planFiles(files, formats, resolve).flatMap((file) => file.tasks);
  const explanation = explain(files, peakMemoryOf(host, options, tasks));
  const advice = (await layout.examine?.(draft, ({ id }) => wholeOf(resolve(id), signal))) ?? [];
  if (dryRun) return { explanation, advice };
  const run = planRun(host, options);
  const totalBytes = planFiles(files, formats, resolve).reduce((sum, { byteLength }) => sum + byteLength, 0);
  const sink = await sinkOf(host, options, totalBytes, files, sources);
  try {
    const tensors = await executeFiles(files, {
      formats,
      resolve,
      sink,
      source: copyTree(sources),
      job: { ...request.job, factorBytes: run.factorBytes },
      kernelBytes: run.kernelBytes,
      task: request.task,
      ...(run.runInThreads && { runInThreads: run.runInThreads }),
      ...(host.isFileLike && { isFileLike: host.isFileLike }),
      ...(options.onProgress && { onProgress: options.onProgress }),
      ...(signal && { signal }),
    });
    const written = await describe(host, request, sink, files, tensors, signal);
    throwIfAborted(signal);
    await sink.commit();
    return { explanation, advice, written };
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

async function wholeOf(tensor: Tensor, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes, signal);
  return bytes;
}

/** @throws UnsupportedError TENON_LAYOUT_CANNOT_WRITE */
async function arrangementOf(
  layout: Layout,
  draft: Draft,
  options: ArrangeOptions,
): Promise<readonly OutputFile[]> {
  const files = await layout.arrange?.(draft, options);
  if (files !== undefined) return files;
  throw new UnsupportedError("TENON_LAYOUT_CANNOT_WRITE", `layout: ${layout.name} can be read, not written`, {
    details: { layout: layout.name },
    hint: "Write a layout that has canWrite: tenon convert --help lists tenon's own.",
  });
}

async function sinkOf(
  host: Host,
  { output, force = false }: WriteOptions,
  totalBytes: number,
  files: readonly OutputFile[],
  sources: readonly Checkpoint[],
): Promise<SinkTree> {
  if (typeof output !== "string") return output;
  const isSingleFile = files.length === 1 && /\.(?:safetensors|pt|pth|bin)$/.test(output);
  const locations = sources.map(({ location }) => location);
  return host.openSink(output, { force, totalBytes, sources: locations, isSingleFile });
}

/** Hashes what a manifest needs, and writes the documents that come last. */
async function describe(
  host: Host,
  { layout, draft, sha256, conclude }: DraftRequest,
  sink: SinkTree,
  files: readonly OutputFile[],
  tensors: readonly WrittenTensor[],
  signal: AbortSignal | undefined,
): Promise<Written> {
  const isHashed = sha256 === true || layout.finish !== undefined;
  const facts: OutputFileFacts[] = [];
  for (const { path } of files) facts.push(await factsOf(host, await sink.reopen(path), isHashed, signal));
  for (const text of conclude?.({ files: facts, tensors }) ?? []) {
    await writeText(sink, text);
    facts.push(await factsOf(host, await sink.reopen(text.path), isHashed, signal));
  }
  for (const text of layout.finish?.(draft, facts as readonly WrittenFile[]) ?? []) {
    await writeText(sink, text);
    facts.push({ path: text.path, byteLength: new TextEncoder().encode(text.text).length });
  }
  return { files: facts, tensors };
}

async function factsOf(
  host: Host,
  source: ByteSource,
  isHashed: boolean,
  signal: AbortSignal | undefined,
): Promise<OutputFileFacts> {
  try {
    const { path, byteLength } = source;
    return isHashed ? { path, byteLength, sha256: await host.sha256(source, signal) } : { path, byteLength };
  } finally {
    await source.close();
  }
}

async function writeText(sink: SinkTree, { path, text }: OutputText): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  const file = await sink.create(path, bytes.length);
  await file.write(0, bytes);
  await file.close();
}

/** What a checkpoint holds tensors in. */
export type TensorHolder = Pick<Checkpoint, "entries" | "base" | "adapters" | "optimizer">;

/** Tensor id → tensor, over everything that was opened. */
export function resolver(
  sources: readonly TensorHolder[],
  made: readonly Tensor[] = [],
): (id: string) => Tensor {
  const byId = new Map(made.map((tensor) => [tensor.id, tensor]));
  for (const { entries, base, adapters, optimizer } of sources) {
    for (const { tensor } of entries) byId.set(tensor.id, tensor);
    for (const tensor of base?.tensors.values() ?? []) byId.set(tensor.id, tensor);
    for (const adapter of adapters.values())
      for (const { tensor } of adapter.entries)
        for (const each of [tensor, ...(tensor.turned ? [tensor.turned] : [])]) byId.set(each.id, each);
    for (const state of optimizer?.states.values() ?? [])
      for (const tensor of state.values()) byId.set(tensor.id, tensor);
  }
  return (id) => {
    const found = byId.get(id);
    if (found === undefined) throw new Error(`internal: no tensor ${id}`);
    return found;
  };
}
