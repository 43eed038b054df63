import type { AdapterModule, LowRank } from "../../core/index.ts";
import {
  checkedScaling,
  type GeometryContext,
  type ParameterChange,
  requireBase,
  requirePair,
} from "./context.ts";
import { doraStep } from "./dora.ts";
import { columnsOfA, rowsOfB } from "./factors.ts";
import { shapeMismatch, unsupportedLayer } from "./refusals.ts";

/**
 * A convolution of one to three dimensions: A is (r, in, …kernel), B is (out, r, 1, …), the base (out, in, …kernel).
 * With the kernel flattened into the columns it is the product of a linear layer. Groups are refused, as PEFT does.
 */
export function convolutionChange(context: GeometryContext, module: AdapterModule): ParameterChange {
  const parameter = `${module.path}.weight`;
  const base = requireBase(context, module.path, parameter);
  const { a, b } = requirePair(context, module);
  const [r = 0, ...perRank] = a.shape;
  const [out = 0, ranksOfB = 0, ...point] = b.shape;
  const cols = perRank.reduce((count, size) => count * size, 1);
  const fits =
    a.shape.length === base.shape.length &&
    b.shape.length === base.shape.length &&
    point.every((size) => size === 1);
  if (fits && ranksOfB !== r && r % ranksOfB === 0)
    throw unsupportedLayer(
      context.adapter,
      module.path,
      "it is a convolution in groups, which PEFT does not merge either",
    );
  if (
    !fits ||
    ranksOfB !== r ||
    base.shape[0] !== out ||
    perRank.some((size, at) => size !== base.shape[at + 1])
  ) {
    const wanted =
      "lora_A must be [r, in, …kernel] and lora_B [out, r, 1, …] for a base of [out, in, …kernel]";
    throw shapeMismatch(context.adapter, wanted, [a, b, base]);
  }
  const scaling = checkedScaling(context, module.path, r, a);
  const lowRank: LowRank = {
    left: rowsOfB(b, r),
    right: columnsOfA(a, cols),
    batches: 1,
    rows: out,
    cols,
    loraRank: r,
    scaling,
    adapter: context.adapter,
    module: module.path,
  };
  const roundDelta = context.rounding === "twice";
  const step = doraStep(context, module, lowRank, "row");
  return { parameter, base, steps: [step ?? { ...lowRank, kind: "addLowRank", roundDelta }] };
}
