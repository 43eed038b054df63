export { type Blocks, blocksOf } from "./blocks.ts";
export { type ExecuteOptions, executeFiles, type WrittenTensor } from "./execute-files.ts";
export { isMeasurable, isScannable } from "./inspect-job.ts";
export { digestText, type InspectOptions, inspectTensors } from "./inspect-tensors.ts";
export { errorBound, isProvenDType, roundingUnit } from "./proof-bound.ts";
export type { BatchOptions, RunInThreads } from "./run-batch.ts";
export { jobsOf, type PlannedFile, planFiles } from "./schedule.ts";
export type { Batch, InspectTask, Job, JobOptions, Outcome, Task, WriteTask } from "./task.ts";
