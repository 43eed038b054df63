import type { Draft, Json } from "../../core/index.ts";
import { restDocument } from "./written-items.ts";

/** What whoever loads the checkpoint must know: `dcp.load` asks for every item that the live state dict has. */
export function adviceFor({ optimizer, trainer }: Draft): readonly string[] {
  const groups = optimizer?.groups.map(({ settings }) => Object.keys(settings)) ?? [];
  const isBare = groups.some((keys) => keys.length === 0);
  const hasSchedule = groups.every((keys) => keys.includes("initial_lr"));
  return [
    ...(isBare
      ? [
          "the source keeps no settings of param groups, and dcp.load stops at the first that the optimizer has: DefaultLoadPlanner(allow_partial_load=True) passes over them",
        ]
      : []),
    ...(groups.length > 0 && !isBare && !hasSchedule
      ? [
          "make a schedule after loading: it adds initial_lr to the optimizer's groups, which the source does not have",
        ]
      : []),
    ...(holdsNumber(trainer?.documents.get(restDocument) ?? {})
      ? [
          `numbers of ${restDocument} are written as Python numbers: where the live state dict has a tensor instead, dcp.load puts the number in its place`,
        ]
      : []),
  ];
}

function holdsNumber(value: Json): boolean {
  if (typeof value === "number") return true;
  if (value === null || typeof value !== "object") return false;
  return (Object.values(value) as readonly Json[]).some(holdsNumber);
}
