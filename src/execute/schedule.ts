import {
  bitsOf,
  bytesPerElement,
  type OutputFile,
  PlanError,
  type Recipe,
  type Tensor,
  UnsupportedError,
} from "../core/index.ts";
import type { FileLayout, Format } from "../formats/index.ts";
import { blocksOf } from "./blocks.ts";
import { type ExtentTable, ExtentTableBuilder } from "./extent-table.ts";
import type { Job, Task, WriteTask } from "./task.ts";

/** Bytes of output that one job aims at: a worker keeps one tensor's factors packed for that long. */
const jobBytesAim = 24 * 1024 * 1024;

/** One output file with every byte's place decided. */
export interface PlannedFile {
  readonly path: string;
  readonly byteLength: number;
  readonly fixed: FileLayout["fixed"];
  /** The rest of the fixed bytes, once the CRC-32 of every tensor is known. */
  readonly seal?: NonNullable<FileLayout["seal"]>;
  /** Local file that this one repeats byte for byte, if there is one and its header is verified by the executor. */
  readonly sameAs?: string;
  readonly tasks: readonly WriteTask[];
}

/**
 * Lays tensor files out in bytes. Reads nothing.
 * @throws UnsupportedError TENON_FORMAT_CANNOT_WRITE; PlanError TENON_PLAN_SHAPE_MISMATCH when a recipe changes the number of elements
 */
export function planFiles(
  files: readonly OutputFile[],
  formats: readonly Format[],
  resolve: (id: string) => Tensor,
): PlannedFile[] {
  return files.flatMap((file, index) =>
    file.kind === "tensors" ? [planFile(file, index, formats, resolve)] : [],
  );
}

function planFile(
  file: OutputFile & { kind: "tensors" },
  index: number,
  formats: readonly Format[],
  resolve: (id: string) => Tensor,
): PlannedFile {
  const format = formats.find(({ name }) => name === file.format);
  if (format?.layOut === undefined) {
    throw new UnsupportedError(
      "TENON_FORMAT_CANNOT_WRITE",
      `format: nothing here writes "${file.format}" (${file.path})`,
    );
  }
  const recipes = new Map(file.entries.map(({ name, recipe }) => [name, recipe]));
  const entries = file.entries.map(({ name, recipe }) => ({
    name,
    dtype: recipe.dtype,
    shape: recipe.shape,
  }));
  if (file.aliases !== undefined && format.keepsAliases !== true)
    throw new Error(`internal: ${format.name} keeps no aliases (${file.path})`);
  if (file.objects !== undefined && format.keepsObjects !== true)
    throw new Error(`internal: ${format.name} keeps no objects (${file.path})`);
  const layout = format.layOut(entries, file.metadata, {
    ...(file.aliases !== undefined && { aliases: file.aliases }),
    ...(file.objects !== undefined && { objects: file.objects }),
  });
  // Without its checksums a header cannot be compared with that of a file to copy.
  const sameAs = layout.seal === undefined ? repeatedFile(layout, recipes, resolve) : undefined;
  const tasks = layout.tensors.map((place): WriteTask => {
    const recipe = recipes.get(place.name) as Recipe;
    checkElements(place.name, recipe);
    const { name, byteOffset } = place;
    const isWritten = sameAs === undefined;
    const task = { kind: "write", name, recipe, file: index, byteOffset, isWritten } as const;
    return layout.seal === undefined ? task : { ...task, hasCrc32: true };
  });
  return {
    path: file.path,
    byteLength: layout.byteLength,
    fixed: layout.fixed,
    ...(layout.seal === undefined ? {} : { seal: layout.seal }),
    tasks,
    ...(sameAs === undefined ? {} : { sameAs }),
  };
}

function checkElements(name: string, { source, dtype, shape, steps, sourceByteOffset }: Recipe): void {
  const outputBits = blocksOf(dtype, shape).byteLength * 8;
  if (sourceByteOffset !== undefined) {
    const isRun = steps.length === 0 && dtype === source.dtype;
    if (isRun && sourceByteOffset + outputBits / 8 <= source.byteLength) return;
  } else if (outputBits / bitsOf(dtype) === (source.byteLength * 8) / bitsOf(source.dtype)) return;
  throw new PlanError(
    "TENON_PLAN_SHAPE_MISMATCH",
    `plan: "${name}" would become [${shape.join(", ")}], but "${source.name}" is [${source.shape.join(", ")}]`,
    { details: { tensor: name, found: source.shape, allowed: shape } },
  );
}

/** The one local file whose tensors all lie where this file's tensors shall lie, unchanged. */
function repeatedFile(
  layout: FileLayout,
  recipes: ReadonlyMap<string, Recipe>,
  resolve: (id: string) => Tensor,
): string | undefined {
  let path: string | undefined;
  for (const { name, byteOffset } of layout.tensors) {
    const recipe = recipes.get(name) as Recipe;
    const isPart = recipe.sourceByteOffset !== undefined;
    if (isPart || recipe.steps.length > 0 || recipe.dtype !== recipe.source.dtype) return undefined;
    const [extent, ...more] = resolve(recipe.source.id).extents ?? [];
    if (recipe.source.byteLength === 0) continue;
    if (extent === undefined || more.length > 0 || extent.byteOffset !== byteOffset) return undefined;
    path ??= extent.path;
    if (extent.path !== path) return undefined;
  }
  return path;
}

/** Cuts tasks into jobs of about 24 MiB; a tensor whose norms run over columns stays in one. */
export function jobsOf(tasks: readonly Task[], factorBytes: number): Job[] {
  return tasks.flatMap((task, index) => {
    const [dtype, shape] =
      task.kind === "write" ? [task.recipe.dtype, task.recipe.shape] : [task.tensor.dtype, task.tensor.shape];
    const blocks = blocksOf(dtype, shape);
    const perJob = isIndivisible(task)
      ? blocks.count
      : Math.max(1, Math.floor(jobBytes(task, factorBytes) / blocks.blockBytes));
    const jobs: Job[] = [];
    for (let firstBlock = 0; firstBlock < blocks.count; firstBlock += perJob) {
      const blockCount = Math.min(perJob, blocks.count - firstBlock);
      const start = firstBlock * blocks.blockBytes;
      const byteLength = Math.min(blockCount * blocks.blockBytes, blocks.byteLength - start);
      const blockElements = (blocks.blockBytes * 8) / bitsOf(dtype);
      jobs.push({ task: index, firstBlock, blockCount, blockElements, byteLength });
    }
    return jobs;
  });
}

function isIndivisible(task: Task): boolean {
  return (
    task.kind === "write" && task.recipe.steps.some((step) => step.kind === "dora" && step.norm === "column")
  );
}

/** Fewer rows a job where the left factor of those rows would not fit: rows × rank × 4 bytes, raw and packed. */
function jobBytes(task: Task, factorBytes: number): number {
  if (task.kind === "inspect") return jobBytesAim;
  const rows = task.recipe.steps.map((step) =>
    step.kind === "addLowRank" || step.kind === "dora"
      ? (factorBytes / (step.loraRank * 8)) * step.cols * bytesPerElement(task.recipe.dtype)
      : jobBytesAim,
  );
  return Math.min(jobBytesAim, ...rows);
}

/** Where the tensors of some tasks lie. */
export interface Places {
  /** Of those in local files. */
  readonly extents: ExtentTable;
  /** Ids of the others: over http, or in memory as an optimizer's step that was a plain number. */
  readonly elsewhere: ReadonlySet<string>;
}

/** Asks every tensor that the tasks read where it lies. */
export async function placesOf(
  tasks: readonly Task[],
  resolve: (id: string) => Tensor,
  signal: AbortSignal | undefined,
): Promise<Places> {
  const extents = new ExtentTableBuilder();
  const elsewhere = new Set<string>();
  for (const id of new Set(tasks.flatMap(tensorIdsOf))) {
    const tensor = resolve(id);
    await tensor.locate?.(signal);
    const found = tensor.extents;
    if (found === undefined) elsewhere.add(id);
    else extents.add(id, found);
  }
  return { extents: extents.table(), elsewhere };
}

/** Ids of every tensor that a task reads. */
export function tensorIdsOf(task: Task): string[] {
  if (task.kind === "inspect")
    return task.against === undefined ? [task.tensor.id] : [task.tensor.id, task.against.id];
  return [task.recipe.source.id, ...task.recipe.steps.flatMap(stepTensorIds)];
}

function stepTensorIds(step: Recipe["steps"][number]): string[] {
  switch (step.kind) {
    case "addLowRank":
      return [step.left.tensor.id, step.right.tensor.id];
    case "dora":
      return [step.left.tensor.id, step.right.tensor.id, step.magnitude.id];
    case "addVector":
    case "replaceRows":
      return [step.tensor.id];
    default:
      return step satisfies never;
  }
}
