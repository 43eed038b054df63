import { byteLengthOf, type Entry, type NameMeaning, type Tensor } from "../../core/index.ts";
import type { LiveName } from "../experts.ts";
import { canonicalName } from "../names/write-names.ts";

/** A run of bytes of a stored tensor as a tensor of its own; its name is that of the stored one. */
export type SliceTensor = (
  tensor: Tensor,
  part: Pick<Tensor, "id" | "shape"> & { readonly byteOffset: number },
) => Tensor;

/**
 * A base parameter under a name that only a live model has, as the parameters of the base that it is made of: each expert's
 * share of a fused parameter is one run of its bytes. Where their number or shape does not fit, the entry stays as it is.
 */
export function asStoredInBase(
  entry: Entry,
  live: ReadonlyMap<string, LiveName>,
  slice: SliceTensor,
): readonly Entry[] {
  const { tensor, meaning } = entry;
  if (meaning.role !== "plain" && meaning.role !== "baseLayer") return [entry];
  const found = live.get(canonicalName(meaning));
  if (found === undefined) return [entry];
  const { experts, shares } = found;
  const [only] = shares;
  if (experts === 1 && shares.length === 1 && only !== undefined && tensor.shape.length !== 3)
    return [{ tensor, meaning: called(meaning, only.parameter) }];
  const [count, rows = 0, ...rest] = tensor.shape;
  const perExpert = shares.length / experts;
  if (count !== experts || tensor.shape.length !== 3 || rows % perExpert !== 0) return [entry];
  const shape = [rows / perExpert, ...rest];
  const byteLength = byteLengthOf(tensor.dtype, shape);
  if (byteLength * shares.length !== tensor.byteLength) return [entry];
  return shares.map(({ parameter, at }) => ({
    tensor: slice(tensor, { id: `${tensor.id}#${at}`, shape, byteOffset: at * byteLength }),
    meaning: called(meaning, parameter),
  }));
}

function called(meaning: NameMeaning, parameter: string): NameMeaning {
  const dot = parameter.lastIndexOf(".");
  const { nesting, wrappedAt = Array.from({ length: nesting }, () => meaning.module) } = meaning;
  return {
    ...meaning,
    module: parameter.slice(0, dot),
    leaf: parameter.slice(dot + 1),
    ...(nesting > 0 && { wrappedAt }),
  };
}
