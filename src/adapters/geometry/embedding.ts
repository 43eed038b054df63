import type { AdapterModule, LowRank } from "../../core/index.ts";
import { checkedScaling, type GeometryContext, type ParameterChange, requireBase } from "./context.ts";
import { doraStep } from "./dora.ts";
import { columnsOfB, rowsOfA } from "./factors.ts";
import { pairIncomplete, shapeMismatch } from "./refusals.ts";

/**
 * An embedding: A is (r, tokens), B is (width, r), the base (tokens, width); D = (B·A)ᵀ·s, always rounded to the
 * base's dtype before the sum.
 */
export function embeddingChange(context: GeometryContext, module: AdapterModule): ParameterChange {
  const { loraEmbeddingA: a, loraEmbeddingB: b } = module;
  if (a === undefined) throw pairIncomplete(context.adapter, module.path, "lora_embedding_A");
  if (b === undefined) throw pairIncomplete(context.adapter, module.path, "lora_embedding_B");
  const parameter = `${module.path}.weight`;
  const base = requireBase(context, module.path, parameter);
  const [r = 0, tokens = 0] = a.shape;
  const [width = 0, ranksOfB = 0] = b.shape;
  const [rows, cols] = base.shape;
  const areTables = [a, b, base].every(({ shape }) => shape.length === 2);
  if (!areTables || r !== ranksOfB || rows !== tokens || cols !== width) {
    const wanted =
      "lora_embedding_A must be [r, tokens] and lora_embedding_B [width, r] for a base of [tokens, width]";
    throw shapeMismatch(context.adapter, wanted, [a, b, base]);
  }
  const scaling = checkedScaling(context, module.path, r, a);
  const lowRank: LowRank = {
    left: rowsOfA(a, tokens),
    right: columnsOfB(b, r),
    batches: 1,
    rows: tokens,
    cols: width,
    loraRank: r,
    scaling,
    adapter: context.adapter,
    module: module.path,
  };
  const step = doraStep(context, module, lowRank, "column");
  return { parameter, base, steps: [step ?? { ...lowRank, kind: "addLowRank", roundDelta: true }] };
}
