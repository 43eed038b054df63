export { type BaseLayer, type OverlaidBase, overlayBases } from "./base.ts";
