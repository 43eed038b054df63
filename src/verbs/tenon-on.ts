import type { Checkpoint } from "../core/index.ts";
import type { ConvertOptions, ConvertReport } from "./convert.ts";
import type { DiagnoseOptions, Diagnosis } from "./diagnose.ts";
import type { DiffOptions } from "./diff.ts";
import type { DiffReport } from "./difference.ts";
import type { EditOptions, EditReport } from "./edit.ts";
import type { Host, Source } from "./host.ts";
import type { InspectOptions } from "./inspect.ts";
import type { Inspection } from "./inspection.ts";
import type { MergeReport } from "./merge.ts";
import type { MergeOptions } from "./merge-options.ts";
import { openSource } from "./open.ts";
import type { ReadOptions } from "./options.ts";
import type { RepairOptions, RepairReport } from "./repair.ts";
import type { SplitOptions, SplitReport } from "./split.ts";
import type { VerifyReport } from "./verification.ts";
import type { VerifyOptions } from "./verify-options.ts";

/** The verbs, bound to the place they run in. */
export interface Tenon {
  /**
   * Opens whatever was saved, from metadata alone; tensors are read when they are asked for. The caller closes it.
   * @throws UsageError TENON_SOURCE_NOT_FOUND, TENON_LAYOUT_AMBIGUOUS; UnsupportedError TENON_LAYOUT_UNKNOWN; FormatError
   *   for damaged files
   */
  open(source: Source, options?: ReadOptions): Promise<Checkpoint>;
  /**
   * Says what a checkpoint is, as plain data: components, counts, dtypes, sizes, adapters with their ranks and scalings.
   * From metadata alone, unless a base is given to compare with.
   * @throws as {@link Tenon.open}; PlanError TENON_BASE_ABSENT, TENON_BASE_HAS_ADAPTERS
   */
  inspect(source: Source, options?: InspectOptions): Promise<Inspection>;
  /**
   * Finds what is wrong with a checkpoint: stable code, severity, cause, evidence and remedy of each finding. Damage is found,
   * not thrown. Reads every tensor once, unless `reads` is false; with `base` it is compared with that.
   * @throws what the source is not to blame for: UsageError TENON_SOURCE_NOT_FOUND, TENON_LAYOUT_AMBIGUOUS; ResourceError; what
   *   is wrong with the base
   */
  diagnose(source: Source, options?: DiagnoseOptions): Promise<Diagnosis>;
  /**
   * Repairs what can be repaired without guessing, and writes it to `output`: a PEFT directory of adapters, a transformers
   * directory of a model, the tenon layout of both. The source is not touched.
   * @throws PlanError TENON_REPAIR_REFUSED with the findings that need a guess, as long as `drop` does not give them up; as
   *   {@link Tenon.diagnose} and {@link Tenon.split}
   */
  repair(source: Source, options: RepairOptions): Promise<RepairReport>;
  /**
   * Merges adapters into their base and writes a transformers directory with a certificate. The source is the base, an
   * adapter (with `base`), or a hybrid that holds both.
   * @throws PlanError for what cannot be merged exactly (every code in docs/reference/errors.md); UnsupportedError for
   *   adapters that no weight can hold; ConflictError TENON_OUTPUT_EXISTS
   */
  merge(source: Source, options: MergeOptions): Promise<MergeReport>;
  /**
   * Separates a hybrid into base and adapters, bit for bit, and writes the tenon layout. With `base` only the base
   * parameters that differ are stored, and what the rest was is recorded by digest.
   * @throws PlanError for whatever would get lost, by name, until `drop` leaves it out; UnsupportedError
   *   TENON_NAMES_QUANTISED; ConflictError TENON_OUTPUT_EXISTS
   */
  split(source: Source, options: SplitOptions): Promise<SplitReport>;
  /**
   * Writes the same components in another layout, `to`; no value changes.
   * @throws PlanError for what the layout cannot hold; UnsupportedError TENON_LAYOUT_CANNOT_WRITE, TENON_NAMES_QUANTISED;
   *   UsageError TENON_LAYOUT_NOT_KNOWN; ConflictError TENON_OUTPUT_EXISTS
   */
  convert(source: Source, options: ConvertOptions): Promise<ConvertReport>;
  /**
   * Changes by name who is trained and how: freezes and unfreezes parameters, adds and removes adapters, changes lora ranks,
   * param groups and their settings. Optimizer state that is not touched stays to the bit; what is new starts with zero
   * moments. `onDifference` is given what changes before anything is written, and `dryRun` stops there.
   * @throws UsageError TENON_EDIT_NO_CHANGE, TENON_EDIT_PATTERN_UNMATCHED, TENON_EDIT_CONTRADICTION,
   *   TENON_EDIT_GROUP_UNKNOWN, TENON_EDIT_SETTING, TENON_EDIT_ADAPTER_NAME, TENON_ADAPTER_NOT_FOUND; PlanError
   *   TENON_EDIT_NO_OPTIMIZER, TENON_EDIT_GROUP_AMBIGUOUS, TENON_EDIT_STEP_DIFFERS, TENON_EDIT_TARGETS,
   *   TENON_EDIT_RANK_SCALING, TENON_EDIT_RANK_SHRINKS, TENON_EDIT_SCHEDULE_GROUPS; UnsupportedError
   *   TENON_EDIT_STATE_UNKNOWN, TENON_EDIT_NOT_TRAINABLE, TENON_EDIT_ADAPTER_KIND; as {@link Tenon.convert}
   */
  edit(source: Source, options: EditOptions): Promise<EditReport>;
  /**
   * Compares two checkpoints tensor by tensor, of whatever layouts: base parameters by canonical name, adapters by adapter.
   * Reads both whole. Optimizer and trainer state are not compared, and the report says so.
   * @throws as {@link Tenon.open}; what reading throws
   */
  diff(a: Source, b: Source, options?: DiffOptions): Promise<DiffReport>;
  /**
   * Reads every byte and changes nothing: tensors to their ends, checksums of torch files, the digests of tenon.json and
   * certificate.json where they are there. What fails is in the report, by file and tensor.
   * @throws as {@link Tenon.open}, for headers from which no tensor can be listed
   */
  verify(source: Source, options?: VerifyOptions): Promise<VerifyReport>;
}

/** @see Tenon */
export function tenonOn(host: Host): Tenon {
  return {
    open: (source, options) => openSource(host, source, options),
    // Each is loaded when it is called: few programs need all of them, and a page should not wait for what it does not use.
    inspect: async (source, options) => (await import("./inspect.ts")).inspect(host, source, options),
    diagnose: async (source, options) => (await import("./diagnose.ts")).diagnose(host, source, options),
    repair: async (source, options) => (await import("./repair.ts")).repair(host, source, options),
    merge: async (source, options) => (await import("./merge.ts")).merge(host, source, options),
    split: async (source, options) => (await import("./split.ts")).split(host, source, options),
    convert: async (source, options) => (await import("./convert.ts")).convert(host, source, options),
    edit: async (source, options) => (await import("./edit.ts")).edit(host, source, options),
    diff: async (a, b, options) => (await import("./diff.ts")).diff(host, a, b, options),
    verify: async (source, options) => (await import("./verify.ts")).verify(host, source, options),
  };
}
