export { isBufferName } from "./buffers.ts";
export { embeddingNames } from "./components/adapter-builder.ts";
export type { ComponentDocuments, Components } from "./components/documents.ts";
export { asStoredInBase } from "./components/live-entries.ts";
export { findTies } from "./components/ties.ts";
export { type Understanding, type UnderstandOptions, understand } from "./components/understand.ts";
export { otherAdapterTypes } from "./config/adapter-types.ts";
export { derivedLoraConfig, loraOnParameters } from "./config/derived-config.ts";
export type {
  BdLora,
  BiasMode,
  LoraConfig,
  ModuleRule,
  PatternTable,
  TokenRule,
} from "./config/lora-config.ts";
export { type BaseRewrite, type MergeObstacle, mergeObstacles, rewritesBase } from "./config/obstacles.ts";
export { parseLoraConfig } from "./config/parse-lora-config.ts";
export { isSingleExpert, liveNames } from "./experts.ts";
export { parameterChangesOf } from "./geometry/changes.ts";
export { type Misfit, misfitsOf } from "./geometry/check-fit.ts";
export type { GeometryContext, ParameterChange } from "./geometry/context.ts";
export { conv1dModels } from "./geometry/linear.ts";
export { tokenRowsChange } from "./geometry/token-rows.ts";
export { vocabularyOf, withModelField } from "./model-config.ts";
export { readName, readNames } from "./names/read-names.ts";
export type { NameContext, NamesReading } from "./names/reading.ts";
export { canonicalName, peftDiskName, peftMemoryName } from "./names/write-names.ts";
export { type AdapterObservationCode, adapterObservations } from "./observations.ts";
export { type GroupedParameter, type GroupingRule, groupingRules } from "./optimizer-order/grouping.ts";
export {
  type NoOrder,
  type OrderedParameter,
  placeInModule,
  type RegistrationOrder,
  registrationOrder,
} from "./optimizer-order/registration-order.ts";
export { type RankAndAlpha, resolveRankAndAlpha, scalingOf } from "./scaling.ts";
export {
  type ModelFacts,
  matchesTarget,
  savedModuleOf,
  type TargetMatch,
  targetParameterOf,
} from "./targets.ts";
