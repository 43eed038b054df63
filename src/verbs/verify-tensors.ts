import { type Checkpoint, type Tensor, throwIfAborted } from "../core/index.ts";
import { type InspectTask, isScannable, type Outcome } from "../execute/index.ts";
import { inspect } from "./bits.ts";
import type { Host } from "./host.ts";
import type { RunOptions } from "./options.ts";
import { isReadFailure, type Verification } from "./verification.ts";

/** A tensor that could be read, and what was found in it. */
export interface ReadTensor {
  readonly tensor: Tensor;
  readonly outcome: Outcome;
}

/** Every tensor of a checkpoint, once. */
export function tensorsOf({ entries, optimizer }: Checkpoint): readonly Tensor[] {
  const states = [...(optimizer?.states.values() ?? [])].flatMap((state) => [...state.values()]);
  const all = [...entries.map(({ tensor }) => tensor), ...states];
  return [...new Map(all.map((tensor) => [tensor.id, tensor])).values()];
}

/** Reads every tensor to its end; what cannot be read is a failure by name. */
export async function readTensors(
  host: Host,
  checkpoint: Checkpoint,
  verification: Verification,
  options: RunOptions,
): Promise<readonly ReadTensor[]> {
  const sizes = new Map(checkpoint.files.map(({ path, byteLength }) => [path, byteLength]));
  const whole: Tensor[] = [];
  for (const tensor of tensorsOf(checkpoint)) {
    const end = endOf(tensor);
    const size = sizes.get(tensor.file);
    verification.looked("read");
    if (size === undefined || end <= size) whole.push(tensor);
    else
      verification.fail("read", `it ends at byte ${end} of a file of ${size} bytes`, {
        file: tensor.file,
        tensor: tensor.name,
        code: "TENON_BYTES_PAST_END",
      });
  }
  const tasks = whole.map(taskOf);
  const run = (some: readonly InspectTask[], isFirst: boolean): Promise<readonly Outcome[]> => {
    const { onProgress: _, ...quiet } = options;
    return inspect(host, some, [checkpoint], isFirst ? options : quiet, "verify");
  };
  const results = await eachOutcome(tasks, run, options.signal);
  return results.flatMap((result, i) => {
    const tensor = whole[i] as Tensor;
    if ("outcome" in result) return [{ tensor, outcome: result.outcome }];
    verification.failBy("read", result.error, { file: tensor.file, tensor: tensor.name });
    return [];
  });
}

function taskOf(tensor: Tensor): InspectTask {
  return { kind: "inspect", name: tensor.name, tensor, scan: isScannable(tensor.dtype) };
}

/** Last byte in the file, as far as a tensor in one piece tells. */
function endOf({ extents = [] }: Tensor): number {
  return Math.max(0, ...extents.map(({ byteOffset, byteLength }) => byteOffset + byteLength));
}

type Result = { readonly outcome: Outcome } | { readonly error: unknown };

/** One failure ends a whole run, so what remains is halved until each tensor that fails stands alone. */
async function eachOutcome(
  tasks: readonly InspectTask[],
  run: (tasks: readonly InspectTask[], isFirst: boolean) => Promise<readonly Outcome[]>,
  signal: AbortSignal | undefined,
  isFirst = true,
): Promise<readonly Result[]> {
  throwIfAborted(signal);
  try {
    return (await run(tasks, isFirst)).map((outcome) => ({ outcome }));
  } catch (error) {
    if (!isReadFailure(error)) throw error;
    if (tasks.length === 1) return [{ error }];
    const middle = Math.ceil(tasks.length / 2);
    return [
      ...(await eachOutcome(tasks.slice(0, middle), run, signal, false)),
      ...(await eachOutcome(tasks.slice(middle), run, signal, false)),
    ];
  }
}
