// The public names that do not depend on where they run: both entries have all of them.
export type {
  ByteSink,
  ByteSource,
  HttpOptions,
  MemorySink,
  MemoryTreeOptions,
  NamedBlob,
  SinkTree,
  SourceTree,
} from "../bytes/index.ts";
export { httpTree, memorySink, memoryTree, wellKnownNames } from "../bytes/index.ts";
export * from "../core/index.ts";
export type {
  FileLayout,
  Format,
  LayOutExtras,
  OpenFileOptions,
  StoredPlace,
  TensorFile,
} from "../formats/index.ts";
export { formats, storedTensor } from "../formats/index.ts";
export type {
  ArrangeOptions,
  FoundConfig,
  FoundModel,
  KnownBase,
  Layout,
  OpenOptions,
  OutputText,
  Sniff,
  SniffOptions,
  WrittenFile,
} from "../layouts/index.ts";
export { layouts, openModelFiles } from "../layouts/index.ts";
export type { ChangeRank } from "../ops/index.ts";
export type {
  AdapterUse,
  EditChanges,
  EditDifference,
  Explanation,
  FloatOutput,
  LoraRankDifference,
  MasterUse,
  NewAdapter,
  ParamGroupDifference,
  PeakMemory,
  TieOutcome,
  TiePolicy,
  UnusedTensor,
} from "../plan/index.ts";
export type { AdapterWish } from "./adapter-choices.ts";
export { browserHost } from "./browser-host.ts";
export type {
  Certificate,
  CertificateAdapter,
  CertificateFile,
  CertificateMasters,
  CertificateTensor,
  CertificateTie,
  NamedReason,
} from "./certificate.ts";
export type { ConversionOptions } from "./conversion.ts";
export type { ConversionReport } from "./conversion-report.ts";
export type { ConvertOptions, ConvertReport } from "./convert.ts";
export type { DiagnoseOptions, Diagnosis } from "./diagnose.ts";
export type { DiffOptions } from "./diff.ts";
export type {
  ChangeRanks,
  ComparedTensor,
  DifferenceStatus,
  DifferenceSum,
  DiffReport,
  DiffSide,
  Distance,
  TensorDifference,
} from "./difference.ts";
export type { EditOptions, EditReport } from "./edit.ts";
export type { Host, Output, SinkRequest, Source } from "./host.ts";
export type { InspectOptions } from "./inspect.ts";
export type {
  AdapterInspection,
  BaseInspection,
  Inspection,
  ModuleSetting,
  MovedInspection,
  ObservationInspection,
  OptimizerInspection,
  TensorInspection,
  TensorKind,
  TensorTotals,
} from "./inspection.ts";
export type { MergeReport } from "./merge.ts";
export type { MergeOptions } from "./merge-options.ts";
export type { ReadOptions, RunOptions, WriteOptions } from "./options.ts";
export type { RepairOptions, RepairReport } from "./repair.ts";
export type { SplitOptions, SplitReport } from "./split.ts";
export { type Tenon, tenonOn } from "./tenon-on.ts";
export type { VerifyCheck, VerifyFailure, VerifyReport } from "./verification.ts";
export type { VerifyOptions } from "./verify-options.ts";
export { tenonVersion } from "./version.ts";
export type { OutputFileFacts } from "./write-draft.ts";
