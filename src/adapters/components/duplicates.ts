import { FormatError, type Observation, sameShape, type Tensor } from "../../core/index.ts";
import { observe } from "../observations.ts";

/**
 * Watches over names that turn out to mean the same parameter. Two that are one tensor are no trouble; any others may
 * differ in their bits, and choosing between them is not ours.
 */
export class Duplicates {
  private readonly found = new Map<string, string[]>();
  private readonly mode: "refuse" | "observe";

  constructor(mode: "refuse" | "observe") {
    this.mode = mode;
  }

  /**
   * Which of two tensors stands for `what`: the first.
   * @throws FormatError TENON_NAMES_DUPLICATE when they are not one tensor and duplicates are refused
   */
  first(what: string, kept: Tensor, other: Tensor): Tensor {
    if (kept.id === other.id || isOneTensor(kept, other)) return kept;
    if (this.mode === "refuse") {
      const message = `names: ${JSON.stringify(kept.name)} (${kept.file}) and ${JSON.stringify(other.name)} (${other.file}) both mean ${what}`;
      throw new FormatError("TENON_NAMES_DUPLICATE", message, {
        details: { what, names: [kept.name, other.name], files: [kept.file, other.file] },
        hint: "Remove the one that is out of date from the checkpoint.",
      });
    }
    const names = this.found.get(what) ?? [kept.name];
    this.found.set(what, [...names, other.name]);
    return kept;
  }

  observations(): Observation[] {
    return [...this.found].map(([parameter, names]) =>
      observe("TENON_NAMES_SAME_PARAMETER", names, { parameter }),
    );
  }
}

/** Whether two names lead to the same bytes: one memory, one place in it, one reading. */
export function isOneTensor(one: Tensor, other: Tensor): boolean {
  if (one.dtype !== other.dtype || !sameShape(one.shape, other.shape)) return false;
  if (one.extents === undefined || other.extents === undefined) return false;
  return (
    one.extents.length === other.extents.length &&
    one.extents.every((extent, at) => {
      const its = other.extents?.[at];
      return (
        extent.path === its?.path &&
        extent.byteOffset === its.byteOffset &&
        extent.byteLength === its.byteLength
      );
    })
  );
}
