// Without ZeRO (stage 0) the model file has the optimizer too: torch's own state dict, or DeepSpeed's wrapper of one for weights of 16
// bits, whose fp32 masters lie beside it (deepspeed/runtime/fp16/unfused_optimizer.py). Parameters go by running numbers.
import type { Tensor } from "../../core/index.ts";
import { tensorsIn } from "../../formats/index.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { optimizerIn, type StoredOptimizer } from "../optimizer-state.ts";
import { type Fields, malformed } from "./fields.ts";
import type { ModelFile } from "./model-file.ts";

/**
 * Undefined where there is none, or one whose masters are flat: fused ones keep a buffer a param group, without names and shapes.
 * @throws FormatError TENON_ZERO_MALFORMED, TENON_OPTIMIZER_MALFORMED
 */
export function wholeOptimizer(
  { fields, path }: ModelFile,
  files: CheckpointFiles,
): StoredOptimizer | undefined {
  const own = fields.dict("optimizer");
  if (own === undefined || own.get("fp32_groups_flat") !== undefined) return undefined;
  const isWrapped = own.get("optimizer_state_dict") !== undefined;
  const stored = optimizerIn(isWrapped ? own.get("optimizer_state_dict") : own.map, path, files);
  return isWrapped ? withMasters(stored, own, files) : stored;
}

/** Each group has a list of masters, as long as that of its parameters and in its order. */
function withMasters(stored: StoredOptimizer, own: Fields, files: CheckpointFiles): StoredOptimizer {
  const lists = own.list("fp32_groups");
  if (lists === undefined) throw malformed("optimizer.fp32_groups", undefined, "a list of lists", own.path);
  const found = new Map<string, Tensor>();
  for (const [keys, tensor] of tensorsIn([...lists], { file: own.path, report: files.options.report }))
    found.set(keys.join("."), tensor);
  const states = new Map(stored.states);
  for (const [at, { parameters }] of stored.groups.entries())
    for (const [index, number] of parameters.entries()) {
      const master = found.get(`${at}.${index}`);
      if (master?.dtype !== "F32")
        throw malformed(`optimizer.fp32_groups[${at}][${index}]`, undefined, "an fp32 tensor", own.path);
      states.set(number, new Map([["fp32", master], ...(states.get(number) ?? [])]));
    }
  const count = stored.groups.reduce((sum, { parameters }) => sum + parameters.length, 0);
  if (count !== found.size)
    throw malformed("the number of masters in optimizer.fp32_groups", found.size, String(count), own.path);
  return { ...stored, states };
}
