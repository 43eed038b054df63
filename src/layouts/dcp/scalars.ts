import { elementCount, type Json } from "../../core/index.ts";
import { ChunkedTensor, type OpenSource } from "./chunked-tensor.ts";
import type { StateLeaf } from "./state-tree.ts";

/** The value of a tensor with one element; undefined for others, and for numbers that JSON cannot say. */
export async function scalarOf(
  { name, record }: Extract<StateLeaf, { kind: "tensor" }>,
  open: OpenSource,
  signal: AbortSignal | undefined,
): Promise<Json | undefined> {
  if (elementCount(record.shape) !== 1) return undefined;
  const tensor = new ChunkedTensor({ id: name, name, record, open });
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes, signal);
  const value = numberIn(tensor.dtype, new DataView(bytes.buffer));
  return typeof value === "number" && !Number.isFinite(value) ? undefined : value;
}

function numberIn(dtype: string, view: DataView): number | boolean | undefined {
  switch (dtype) {
    case "F64":
      return view.getFloat64(0, true);
    case "F32":
      return view.getFloat32(0, true);
    case "I32":
      return view.getInt32(0, true);
    case "I16":
      return view.getInt16(0, true);
    case "U8":
      return view.getUint8(0);
    case "BOOL":
      return view.getUint8(0) !== 0;
    case "I64": {
      const value = Number(view.getBigInt64(0, true));
      return Number.isSafeInteger(value) ? value : undefined;
    }
    default:
      return undefined;
  }
}
