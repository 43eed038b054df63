import type { ByteSink, SinkTree, SourceTree } from "../bytes/index.ts";
import { type OutputFile, throwIfAborted } from "../core/index.ts";
import type { Format } from "../formats/index.ts";
import { type BatchOptions, runBatch } from "./run-batch.ts";
import { jobsOf, type PlannedFile, planFiles } from "./schedule.ts";
import type { Batch, JobOptions, Outcome, OutputPlace, WriteTask } from "./task.ts";

export interface ExecuteOptions extends BatchOptions {
  readonly formats: readonly Format[];
  readonly sink: SinkTree;
  /** Where `copy` files come from. */
  readonly source?: SourceTree;
  readonly job: JobOptions;
  /** Whether a local file has this length and these fixed bytes (its header). Absent: no file is copied whole. */
  readonly isFileLike?: (
    localPath: string,
    byteLength: number,
    fixed: PlannedFile["fixed"],
  ) => Promise<boolean>;
}

/** What was made of one tensor. */
export interface WrittenTensor {
  readonly file: string;
  readonly name: string;
  readonly task: WriteTask;
  readonly outcome: Outcome;
}

/**
 * Writes the files of an arrangement into a sink, without committing it. Tensors stream block by block; files whose
 * bytes all stay are copied by the operating system and only read, for their digests.
 * @throws what sources, sinks and steps throw; the caller aborts the sink then
 */
export async function executeFiles(
  files: readonly OutputFile[],
  options: ExecuteOptions,
): Promise<readonly WrittenTensor[]> {
  const planned = planFiles(files, options.formats, options.resolve);
  const sinks: ByteSink[] = [];
  const outputs: OutputPlace[] = [];
  const ready: PlannedFile[] = [];
  for (const [index, file] of planned.entries()) {
    throwIfAborted(options.signal);
    const isCopied = file.sameAs !== undefined && (await copyWhole(file, options));
    const tasks = file.tasks.map((task) => ({ ...task, file: index, isWritten: !isCopied }));
    ready.push({ ...file, tasks });
    if (isCopied) {
      outputs.push({ path: file.path, byteLength: file.byteLength });
      continue;
    }
    const sink = await options.sink.create(file.path, file.byteLength);
    sinks[index] = sink;
    for (const { byteOffset, bytes } of file.fixed) await sink.write(byteOffset, bytes);
    const { localPath } = sink;
    outputs.push({
      path: file.path,
      byteLength: file.byteLength,
      ...(localPath === undefined ? {} : { localPath }),
    });
  }
  const batch = batchOf(ready, outputs, options);
  const outcomes = await run(batch, sinks, options);
  await seal(ready, batch, outcomes, sinks);
  for (const sink of sinks) await sink?.close();
  await writeDocuments(files, options);
  return batch.tasks.map((task, index) => {
    const written = task as WriteTask;
    const file = outputs[written.file] as OutputPlace;
    return { file: file.path, name: written.name, task: written, outcome: outcomes[index] as Outcome };
  });
}

function batchOf(
  files: readonly PlannedFile[],
  outputs: readonly OutputPlace[],
  options: ExecuteOptions,
): Omit<Batch, "extents"> {
  const tasks = files.flatMap((file) => file.tasks);
  const jobs = jobsOf(tasks, options.job.factorBytes);
  const lanes: { start: number; end: number }[] = [];
  let file = -1;
  for (const [index, job] of jobs.entries()) {
    const of = (tasks[job.task] as WriteTask).file;
    if (of !== file) lanes.push({ start: index, end: index });
    file = of;
    (lanes.at(-1) as { end: number }).end = index + 1;
  }
  return { tasks, jobs, lanes, outputs, options: options.job };
}

async function run(
  batch: Omit<Batch, "extents">,
  sinks: readonly (ByteSink | undefined)[],
  options: ExecuteOptions,
): Promise<readonly Outcome[]> {
  const isLocal = sinks.every((sink) => sink === undefined || sink.localPath !== undefined);
  const write = async (file: number, byteOffset: number, bytes: Uint8Array): Promise<void> => {
    await (sinks[file] as ByteSink).write(byteOffset, bytes);
  };
  return runBatch(batch, isLocal, write, options);
}

/** Writes what a format can only write once it has the checksums of its data. */
async function seal(
  files: readonly PlannedFile[],
  { tasks }: Pick<Batch, "tasks">,
  outcomes: readonly Outcome[],
  sinks: readonly (ByteSink | undefined)[],
): Promise<void> {
  for (const [index, file] of files.entries()) {
    if (file.seal === undefined) continue;
    const crcs = new Map<string, number>();
    for (const [at, task] of tasks.entries())
      if (task.kind === "write" && task.file === index) crcs.set(task.name, outcomes[at]?.crc32 ?? 0);
    for (const { byteOffset, bytes } of file.seal(crcs)) await sinks[index]?.write(byteOffset, bytes);
  }
}

/** Copies a file whole when its header, too, is what would be written. */
async function copyWhole(file: PlannedFile, options: ExecuteOptions): Promise<boolean> {
  if (file.sameAs === undefined || options.isFileLike === undefined) return false;
  if (!(await options.isFileLike(file.sameAs, file.byteLength, file.fixed))) return false;
  return options.sink.copyLocal(file.path, file.sameAs);
}

async function writeDocuments(files: readonly OutputFile[], options: ExecuteOptions): Promise<void> {
  for (const file of files) {
    if (file.kind === "text") await writeBytes(options.sink, file.path, new TextEncoder().encode(file.text));
    if (file.kind === "bytes") await writeBytes(options.sink, file.path, file.bytes);
    if (file.kind === "copy") await copyFile(file, options);
  }
}

async function writeBytes(tree: SinkTree, path: string, bytes: Uint8Array): Promise<void> {
  const sink = await tree.create(path, bytes.length);
  await sink.write(0, bytes);
  await sink.close();
}

const copyBytes = 1024 * 1024;

async function copyFile(
  file: OutputFile & { kind: "copy" },
  { source, sink, signal }: ExecuteOptions,
): Promise<void> {
  if (source === undefined) throw new Error(`internal: nothing to copy ${file.source} from`);
  const from = await source.open(file.source, signal);
  try {
    if (from.localPath !== undefined && (await sink.copyLocal(file.path, from.localPath))) return;
    const to = await sink.create(file.path, from.byteLength);
    for (let offset = 0; offset < from.byteLength; offset += copyBytes) {
      const chunk = new Uint8Array(Math.min(copyBytes, from.byteLength - offset));
      await from.read(offset, chunk, signal);
      await to.write(offset, chunk);
    }
    await to.close();
  } finally {
    await from.close();
  }
}
