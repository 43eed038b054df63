import { elementCount, type Tensor, throwIfAborted } from "../core/index.ts";
import { decodeFloats } from "../ops/index.ts";

/** Tensor id → value, of each of these steps of an optimizer that is one number. */
export async function stepValues(
  steps: Iterable<Tensor>,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const tensor of steps) {
    if (found.has(tensor.id) || elementCount(tensor.shape) !== 1) continue;
    throwIfAborted(signal);
    const bytes = new Uint8Array(tensor.byteLength);
    await tensor.read(0, bytes, signal);
    found.set(tensor.id, scalarOf(tensor, bytes));
  }
  return found;
}

/** torch keeps a step in F32, some engines as an integer. */
function scalarOf({ dtype }: Tensor, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer);
  if (dtype === "I64") return Number(view.getBigInt64(0, true));
  if (dtype === "I32") return view.getInt32(0, true);
  const value = new Float64Array(1);
  decodeFloats(dtype, bytes, value);
  return value[0] ?? 0;
}
