import { accelerate } from "./accelerate/index.ts";
import { dcp } from "./dcp/index.ts";
import { hf } from "./hf/index.ts";
import type { Layout } from "./layout.ts";
import { mlx } from "./mlx/index.ts";
import { peft } from "./peft/index.ts";
import { peftHybrid } from "./peft-hybrid/index.ts";
import { foreignLayouts } from "./recognised/foreign.ts";
import { stateDict } from "./state-dict/index.ts";
import { tenon } from "./tenon/index.ts";
import { trainer } from "./trainer/index.ts";
import { zero } from "./zero/index.ts";
import { universal } from "./zero/universal/index.ts";

export { readAdapterConfigs } from "./adapter-configs.ts";
export { sliceOf } from "./assembled-tensor.ts";
export { chosenStep } from "./chosen-step.ts";
export { type DetectedLayout, detectLayout } from "./detect.ts";
export { isTagFolder } from "./distributed-names.ts";
export type { FoundConfig } from "./found-config.ts";
export type { KnownBase } from "./known-base.ts";
export type {
  ArrangeOptions,
  Layout,
  OpenOptions,
  OutputText,
  Sniff,
  SniffOptions,
  WrittenFile,
} from "./layout.ts";
export { listedOnce } from "./listed-tree.ts";
export { type LayoutObservationCode, layoutObservations } from "./observations.ts";
export { type FoundModel, openModelFiles } from "./open-model-files.ts";
export { type SkippedStep, sortSteps, stepSeries } from "./step-folders.ts";
export { StepTree } from "./step-tree.ts";
export { manifestFiles, readManifest } from "./tenon/manifest.ts";
export type { Manifest, ManifestFile } from "./tenon/schema.ts";
export { TransposedTensor } from "./transposed-tensor.ts";
export { accelerate, dcp, hf, peft, peftHybrid, stateDict, tenon, trainer, universal, zero };

/** Every layout, in the order in which messages list them. Sniffing asks all of them; the order decides nothing. */
export const layouts: readonly Layout[] = [
  tenon,
  trainer,
  accelerate,
  peftHybrid,
  peft,
  hf,
  stateDict,
  zero,
  universal,
  dcp,
  mlx,
  ...foreignLayouts,
];
