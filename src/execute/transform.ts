import {
  bitsOf,
  bytesPerElement,
  type DType,
  elementCount,
  type Recipe,
  type Step,
  UnsupportedError,
} from "../core/index.ts";
import type { Kernel } from "../ops/index.ts";
import { RowProof } from "./row-proof.ts";
import type { StepRunner } from "./runner.ts";
import { stepRunner } from "./step-runners.ts";
import type { Io, Job, JobOptions, Outcome, WriteTask } from "./task.ts";
import { blocksPerTile } from "./tile-size.ts";

/** Some blocks of the output: their range in the tensor and where they are made. */
export interface OutputRange {
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly target: number;
}

/**
 * Turns blocks of the source, one or some at a time, into blocks of the output by the steps of a recipe.
 *
 * Every step rounds into the tensor's own dtype, as PEFT does when it merges adapter after adapter. When the output
 * has another dtype than the source, all steps work in f32 and the result is rounded once, at the end.
 */
export class BlockTransform {
  /** How many blocks {@link run} takes at a time; the last tile of a job may have fewer. */
  readonly blocksPerTile: number;
  readonly #kernel: Kernel;
  readonly #recipe: Recipe;
  readonly #job: Job;
  readonly #workDType: DType;
  readonly #runners: readonly StepRunner[];
  readonly #proof: RowProof | undefined;
  #source = 0;
  #work = 0;
  #before = 0;

  constructor(kernel: Kernel, task: WriteTask, job: Job, options: JobOptions) {
    this.blocksPerTile = blocksPerTile(task.recipe, job, options.factorBytes);
    this.#kernel = kernel;
    this.#recipe = task.recipe;
    this.#job = job;
    this.#workDType = workDTypeOf(task.recipe, task.name);
    this.#runners = task.recipe.steps.map((step) => stepRunner(kernel, step, this.#workDType, options));
    this.#proof = options.prove === "none" ? undefined : RowProof.of(kernel, task, options);
  }

  *prepare(): Generator<Io, void> {
    const { source, dtype, shape } = this.#recipe;
    const { firstBlock, blockCount, blockElements } = this.#job;
    const elements = Math.min(this.blocksPerTile * blockElements, elementCount(shape));
    if (source.dtype !== this.#workDType)
      this.#source = this.#kernel.alloc(elements * bytesPerElement(source.dtype));
    if (dtype !== this.#workDType)
      this.#work = this.#kernel.alloc(elements * bytesPerElement(this.#workDType));
    else if (this.#needsBefore()) this.#before = this.#kernel.alloc(elements * bytesPerElement(dtype));
    const first = firstBlock * blockElements;
    const count = Math.min(blockCount * blockElements, elementCount(shape) - first);
    for (const runner of this.#runners) yield* runner.prepare({ source, first, count });
  }

  *run(output: OutputRange, outcome: Outcome): Generator<Io, void> {
    const { source, dtype } = this.#recipe;
    const kernel = this.#kernel;
    const elements = output.byteLength / bytesPerElement(dtype);
    const work = dtype === this.#workDType ? output.target : this.#work;
    const raw = source.dtype === this.#workDType ? work : this.#source;
    const byteOffset = sourceBytes(this.#recipe, output.byteOffset);
    yield {
      kind: "read",
      id: source.id,
      byteOffset,
      pointer: raw,
      byteLength: sourceBytes(this.#recipe, output.byteLength),
    };
    if (raw !== work) kernel.cast(source.dtype, raw, this.#workDType, work, elements);
    const tile = { pointer: work, first: output.byteOffset / bytesPerElement(dtype), count: elements };
    if (this.#before !== 0)
      kernel.bytes(this.#before, output.byteLength).set(kernel.bytes(work, output.byteLength));
    const proof = this.#proof?.begin(tile);
    let changed = 0;
    for (const runner of this.#runners) changed = yield* runner.apply(tile);
    if (this.#before !== 0) {
      const width = bytesPerElement(dtype) as 1 | 2 | 4 | 8;
      changed = kernel.countDifferent(width, this.#before, work, elements);
    }
    if (work !== output.target) kernel.cast(this.#workDType, work, dtype, output.target, elements);
    if (proof !== undefined) yield* proof.finish(output.target, outcome);
    if (source.dtype === dtype && outcome.changed !== undefined) outcome.changed += changed;
    else outcome.changed = undefined;
  }

  /** One low-rank step counts its own changes; anything else is compared with a copy of the tile. */
  #needsBefore(): boolean {
    return this.#runners.length !== 1 || !(this.#runners[0] as StepRunner).countsChanges;
  }
}

function workDTypeOf(recipe: Recipe, name: string): DType {
  const { source, dtype, steps } = recipe;
  const isFloat = (type: DType): boolean =>
    type === "BF16" || type === "F16" || type === "F32" || type === "F64";
  const needsArithmetic = steps.some(({ kind }: Step) => kind !== "replaceRows");
  if (needsArithmetic && !isFloat(source.dtype)) {
    throw new UnsupportedError(
      "TENON_MERGE_DTYPE",
      `merge: tensor "${name}" is ${source.dtype}; a base tensor that changes must be BF16, F16, F32 or F64`,
      {
        details: { tensor: name, found: source.dtype },
        hint: "Dequantise the base first, or merge into the unquantised base model.",
      },
    );
  }
  return source.dtype === dtype ? dtype : "F32";
}

/** Bytes of the source that correspond to `byteLength` bytes of the output. */
function sourceBytes(recipe: Recipe, outputBytes: number): number {
  return (outputBytes * bitsOf(recipe.source.dtype)) / bitsOf(recipe.dtype);
}
