export { type BaseLayer, type OverlaidBase, overlayBases } from "./base.ts";
export {
  type BaseBelow,
  type BaseBits,
  type BitQuestion,
  questionsAgainst,
  questionsOfTies,
  wholeBase,
  withTies,
} from "./base-delta.ts";
export type { Carried, CarriedAdapter, CarryOptions } from "./carried.ts";
export { carry } from "./carry.ts";
export { refuseMisfits } from "./carry-fit.ts";
export { masterState, mastersApart } from "./carry-masters.ts";
export { mergedSuspects } from "./carry-merged.ts";
export type {
  BaseForm,
  ConversionInput,
  ConversionOptions as ConversionPlanOptions,
  ConversionPlan,
} from "./conversion-input.ts";
export { foldsInto, planConvert } from "./convert.ts";
export { mastersAsWeights } from "./convert-masters.ts";
export type { Components } from "./drops.ts";
export { planEdit } from "./edit.ts";
export type {
  EditChanges,
  EditDifference,
  EditInput,
  EditPlan,
  LoraRankDifference,
  MasterQuestion,
  NewAdapter,
  ParamGroupDifference,
  RankQuestion,
} from "./edit-input.ts";
export { type Explanation, explain, type PeakMemory } from "./explain.ts";
export { questionsOfFold } from "./fold.ts";
export type { Fill, MadeTensor } from "./made-tensor.ts";
export { type MergePlan, planMerge } from "./merge.ts";
export type {
  AdapterChoice,
  AdapterUse,
  FloatOutput,
  Masters,
  MasterUse,
  MergeInput,
  MergeOptions,
  TieOutcome,
  TiePolicy,
  UnusedTensor,
} from "./merge-input.ts";
export { layMasters } from "./merge-masters.ts";
export { planSplit } from "./split.ts";
