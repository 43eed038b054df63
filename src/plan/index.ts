export { type BaseLayer, type OverlaidBase, overlayBases } from "./base.ts";
export { type Explanation, explain } from "./explain.ts";
export { type MergePlan, planMerge } from "./merge.ts";
export type {
  AdapterChoice,
  AdapterUse,
  FloatOutput,
  MergeInput,
  MergeOptions,
  TieOutcome,
  TiePolicy,
  UnusedTensor,
} from "./merge-input.ts";
