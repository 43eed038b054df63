import type { TensorMeta } from "../../core/index.ts";
import { expertSpellings } from "../experts.ts";
import type { GeometryContext, TargetedParameter } from "./context.ts";

/** A piece of a fused parameter that the base stores by itself. */
export interface ExpertPiece {
  /** Canonical name of the stored parameter. */
  readonly parameter: string;
  readonly tensor: TensorMeta;
  readonly expert: number;
  /** First output of the fused parameter that it holds. */
  readonly firstOutput: number;
}

interface ExpertList {
  readonly count: number;
  pieces(leaf: string): readonly ExpertPiece[] | undefined;
}

function expertList(context: GeometryContext, path: string): ExpertList | undefined {
  for (const {
    path: [fused, stored],
    gate,
    up,
    down,
  } of expertSpellings) {
    if (path !== fused && !path.endsWith(`.${fused}`)) continue;
    const place = path.slice(0, path.length - fused.length) + stored;
    const at = (expert: number, leaf: string): [string, TensorMeta | undefined] => {
      const parameter = `${place}.${expert}.${leaf}.weight`;
      return [parameter, context.base.get(parameter)];
    };
    if (at(0, gate)[1] === undefined) continue;
    let count = 0;
    while (at(count, gate)[1] !== undefined) count++;
    const piece = (expert: number, leaf: string, firstOutput: number): ExpertPiece | undefined => {
      const [parameter, tensor] = at(expert, leaf);
      return tensor && { parameter, tensor, expert, firstOutput };
    };
    const pieces = (leaf: string): readonly ExpertPiece[] | undefined => {
      const all: (ExpertPiece | undefined)[] = [];
      for (let expert = 0; expert < count; expert++) {
        if (leaf === "down_proj") all.push(piece(expert, down, 0));
        else if (leaf === "gate_up_proj")
          all.push(piece(expert, gate, 0), piece(expert, up, at(expert, gate)[1]?.shape[0] ?? 0));
      }
      const found = all.filter((one) => one !== undefined);
      return found.length > 0 && found.length === all.length ? found : undefined;
    };
    return { count, pieces };
  }
  return undefined;
}

/** The pieces of `<path>.<leaf>` where the base stores experts one by one. */
export function piecesOf(context: GeometryContext, key: string): readonly ExpertPiece[] | undefined {
  const dot = key.lastIndexOf(".");
  return expertList(context, key.slice(0, dot))?.pieces(key.slice(dot + 1));
}

/** The fused parameters that a list of experts makes up, with the shapes that the live module gives them. */
export function fusedParameters(context: GeometryContext, path: string): TargetedParameter[] {
  const list = expertList(context, path);
  if (list === undefined) return [];
  return ["gate_up_proj", "down_proj"].flatMap((leaf) => {
    const pieces = list.pieces(leaf);
    const first = pieces?.filter(({ expert }) => expert === 0);
    if (first === undefined) return [];
    const outputs = first.reduce((sum, { tensor }) => sum + (tensor.shape[0] ?? 0), 0);
    return [{ key: `${path}.${leaf}`, shape: [list.count, outputs, first[0]?.tensor.shape[1] ?? 0] }];
  });
}
