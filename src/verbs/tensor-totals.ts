import { type DType, elementCount, type TensorMeta } from "../core/index.ts";
import type { TensorKind, TensorTotals } from "./inspection.ts";

/** Counts tensors, elements and bytes, in all and by dtype, the dtype with the most bytes first. */
export function totalsOf(tensors: Iterable<TensorMeta>): TensorTotals {
  const byDtype = new Map<DType, { tensors: number; bytes: number }>();
  let [count, parameters, bytes] = [0, 0, 0];
  for (const { dtype, shape, byteLength } of tensors) {
    count += 1;
    parameters += elementCount(shape);
    bytes += byteLength;
    const sum = byDtype.get(dtype) ?? { tensors: 0, bytes: 0 };
    byDtype.set(dtype, { tensors: sum.tensors + 1, bytes: sum.bytes + byteLength });
  }
  const rows = [...byDtype].map(([dtype, sum]) => ({ dtype, ...sum }));
  return { tensors: count, parameters, bytes, byDtype: rows.sort((a, b) => b.bytes - a.bytes) };
}

/** The name with `*` for every number between dots: what the parameters of all layers have in common. */
export function kindOf(name: string): string {
  return name.replaceAll(/(?<=^|\.)\d+(?=\.|$)/g, "*");
}

/** Groups named tensors by kind, in the order in which kinds are met. */
export function kindsOf(tensors: ReadonlyMap<string, TensorMeta>): TensorKind[] {
  const groups = new Map<string, TensorMeta[]>();
  for (const [name, tensor] of tensors) {
    const kind = kindOf(name);
    const group = groups.get(kind);
    if (group === undefined) groups.set(kind, [tensor]);
    else group.push(tensor);
  }
  return [...groups].map(([kind, group]) => ({ kind, ...totalsOf(group) }));
}

/** Counts equal values, the most frequent first. */
export function tally<T>(values: Iterable<T>): (readonly [value: T, count: number])[] {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}
