// From the workers' shares to one tensor a parameter: the fp32 master and every state as long as it.
import { bytesPerElement, FormatError, type Observation, type Tensor } from "../../core/index.ts";
import { AssembledTensor, type TensorSlice } from "../assembled-tensor.ts";
import { scalarTensor } from "../scalar-tensor.ts";
import type { OptimizerFile } from "./optimizer-file.ts";
import type { PlacedParameter, Placement } from "./placed.ts";

/** The share of one worker in one flat buffer. */
type Share = (worker: number, buffer: number) => Tensor | undefined;

export interface ParameterStates {
  /** Stored name → `fp32` and the other states. */
  readonly states: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
  readonly observations: readonly Observation[];
}

/**
 * States of every parameter. A 1-D tensor as long as its flat buffer is cut up; a scalar counts for every parameter in it;
 * whatever else there is belongs to no parameter and is observed.
 * @throws FormatError TENON_ZERO_PARTITION_LENGTH
 */
export function parameterStates(
  { parameters, lengths }: Placement,
  workers: readonly OptimizerFile[],
  location: string,
): ParameterStates {
  const [first] = workers;
  if (first === undefined) return { states: new Map(), observations: [] };
  const masters: Share = (worker, buffer) => workers[worker]?.masters[buffer];
  const passedOver = new Map<string, Tensor>();
  const cut = new Map<string, Share>();
  const whole = new Map<string, Tensor | number>();
  for (const buffer of first.masters.keys()) {
    checkLengths("fp32", buffer, masters, workers, lengths);
    for (const [state, value] of first.states[buffer] ?? []) {
      const share: Share = (worker, at) => tensorOf(workers[worker]?.states[at]?.get(state));
      const key = `${buffer}/${state}`;
      if (typeof value === "number" || value.shape.length === 0) whole.set(key, value);
      else if (isCut(state, value, buffer, lengths)) {
        checkLengths(state, buffer, share, workers, lengths);
        cut.set(key, share);
      } else passedOver.set(state, value);
    }
  }
  const label = `${first.path}${workers.length > 1 ? ` and ${workers.length - 1} more` : ""}`;
  const states = new Map<string, ReadonlyMap<string, Tensor>>();
  for (const parameter of parameters) {
    const own = new Map<string, Tensor>([["fp32", assemble(parameter, "fp32", masters, location, label)]]);
    for (const state of first.states[parameter.buffer]?.keys() ?? []) {
      const key = `${parameter.buffer}/${state}`;
      const share = cut.get(key);
      const scalar = whole.get(key);
      if (share !== undefined) own.set(state, assemble(parameter, state, share, location, label));
      else if (typeof scalar === "number")
        own.set(state, scalarTensor(key, scalar, `${location}/${first.path}`));
      else if (scalar !== undefined) own.set(state, scalar);
    }
    states.set(parameter.name, own);
  }
  const observations = [...passedOver].map(([state, { dtype, shape }]) => ({
    code: "TENON_ZERO_STATE_PASSED_OVER",
    names: [state],
    facts: { file: first.path, found: `a tensor of ${dtype} [${shape.join(", ")}]` },
  }));
  return { states, observations };
}

/** States of torch's and DeepSpeed's optimizers that are as long as the parameter: another length is damage. */
const momentNames: ReadonlySet<string> = new Set([
  "exp_avg",
  "exp_avg_sq",
  "max_exp_avg_sq",
  "momentum_buffer",
]);

function isCut(state: string, value: Tensor, buffer: number, lengths: Placement["lengths"]): boolean {
  if (momentNames.has(state)) return true;
  return value.shape.length === 1 && lengths(0, buffer).includes(value.shape[0] ?? -1);
}

function checkLengths(
  state: string,
  buffer: number,
  share: Share,
  workers: readonly OptimizerFile[],
  lengths: Placement["lengths"],
): void {
  const dtype = share(0, buffer)?.dtype;
  for (const [worker, { path }] of workers.entries()) {
    const tensor = share(worker, buffer);
    const allowed = [...new Set(lengths(worker, buffer))];
    const length = tensor?.shape.length === 1 ? tensor.shape[0] : undefined;
    if (length !== undefined && allowed.includes(length) && tensor?.dtype === dtype) continue;
    const found = tensor === undefined ? "nothing" : `${tensor.dtype} [${tensor.shape.join(", ")}]`;
    const message = `zero: ${state} of flat buffer ${buffer} is ${found}, the shapes need ${dtype} [${allowed.join("] or [")}] (${path})`;
    throw new FormatError("TENON_ZERO_PARTITION_LENGTH", message, {
      details: { state, buffer, found, allowed, workers: workers.length, path },
    });
  }
}

function tensorOf(value: Tensor | number | undefined): Tensor | undefined {
  return typeof value === "number" ? undefined : value;
}

function assemble(
  { name, shape, buffer, runs }: PlacedParameter,
  state: string,
  share: Share,
  location: string,
  file: string,
): Tensor {
  const dtype = share(0, buffer)?.dtype ?? "F32";
  const width = bytesPerElement(dtype);
  return new AssembledTensor({
    id: `${location}#${state}/${name}`,
    name,
    dtype,
    shape,
    file,
    slices: () =>
      runs().map(({ worker, buffer: at, start, count }): TensorSlice => {
        const tensor = share(worker, at);
        if (tensor === undefined) throw new Error(`internal: no ${state} of flat buffer ${at}`);
        return { tensor, byteOffset: start * width, byteLength: count * width };
      }),
  });
}
