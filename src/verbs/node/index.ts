export { type NodeHostOptions, nodeHost } from "./host.ts";
