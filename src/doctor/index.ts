export type { FindingKind } from "./finding-kind.ts";
export { type DoctorInput, findingKind, findingsOf, isHealthy } from "./findings-of.ts";
export { type FindingCode, findingGroups, findingKinds } from "./findings-table.ts";
export type { Subject } from "./remedy.ts";
