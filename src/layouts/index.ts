export { companionsOf, isCompanion } from "./companions.ts";
export { type DetectedLayout, detectLayout } from "./detect.ts";
export type {
  ArrangeOptions,
  Layout,
  OpenOptions,
  OutputText,
  Sniff,
  SniffOptions,
  WrittenFile,
} from "./layout.ts";
