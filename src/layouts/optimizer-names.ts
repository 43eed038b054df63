// An optimizer's state dict counts its parameters. Which parameter a number means follows from the order in which the
// model registers them, from the way in which the trainer cut them into groups, and from the shape of every state.
import { groupingRules } from "../adapters/index.ts";
import { FormatError, type OptimizerComponent, type OptimizerNaming, type Tensor } from "../core/index.ts";
import { inOrder, misfitsIn, namesGiven } from "./given-order.ts";
import { type Names, namesBy, united } from "./group-alignment.ts";
import type { KnownBase } from "./known-base.ts";
import { liveParameters } from "./live-parameters.ts";
import type { ModelPart } from "./model-part.ts";
import type { StoredOptimizer } from "./optimizer-state.ts";

export interface NamingOptions {
  /** `--param-order`: stored or canonical names in the order of the numbers. */
  readonly paramOrder?: readonly string[];
  readonly knownBase?: KnownBase;
}

/**
 * Gives an optimizer whose states go by running numbers the canonical names of its parameters. A number that may mean
 * several parameters keeps it, and {@link OptimizerNaming.candidates} says which.
 * @throws PlanError TENON_PARAM_ORDER_MISFIT when the order that was given does not fit; FormatError
 *   TENON_OPTIMIZER_MALFORMED when the numbers do not count
 */
export function nameParameters(
  optimizer: StoredOptimizer,
  model: ModelPart,
  options: NamingOptions,
): OptimizerComponent {
  const numbers = optimizer.groups.flatMap(({ parameters }) => parameters);
  if (numbers.length === 0 || numbers.some((key) => !/^\d+$/.test(key))) return optimizer;
  checkNumbers(optimizer, numbers);
  const live = liveParameters(model, options.knownBase);
  if (options.paramOrder !== undefined)
    return renamed(optimizer, inOrder(optimizer, numbers, live, options.paramOrder), {
      order: "the order that was given (--param-order)",
    });
  const own = optimizer.groups.flatMap(({ names = [] }) => names);
  if (own.length === numbers.length && new Set(own).size === own.length) {
    const names = namesGiven(numbers, live, own);
    const isEach = new Set([...names.values()].flatMap((each) => [...each])).size === own.length;
    if (isEach && misfitsIn(optimizer, numbers, live, names).length === 0)
      return renamed(optimizer, names, { order: "the names in the optimizer's own groups (param_names)" });
  }
  if ("reason" in live.order)
    return unnamed(optimizer, "no order of the parameters is known", live.order.reason);
  const { evidence } = live.order;
  const fitting = groupingRules.flatMap((rule) => namesBy(rule, optimizer, live) ?? []);
  if (fitting.length === 0) {
    const groups = optimizer.groups.map(({ parameters }) => parameters.length).join(" and ");
    const reason = `the shapes of its states (groups of ${groups}) fit no set of trained parameters in ${evidence}`;
    return unnamed(optimizer, evidence, reason);
  }
  return renamed(optimizer, united(fitting), { order: evidence });
}

function unnamed(optimizer: OptimizerComponent, order: string, obstacle: string): OptimizerComponent {
  return { ...optimizer, naming: { order, obstacle } };
}

/** torch counts from 0 through all groups, and every state is of a parameter in one of them. */
function checkNumbers({ states, file }: OptimizerComponent, numbers: readonly string[]): void {
  const known = new Set(numbers);
  const isCount = known.size === numbers.length && numbers.every((number) => Number(number) < numbers.length);
  const loose = [...states.keys()].find((key) => !known.has(key));
  if (isCount && loose === undefined) return;
  const what =
    loose === undefined
      ? "do not count from 0 without gaps"
      : `lack ${JSON.stringify(loose)}, which has a state`;
  throw new FormatError(
    "TENON_OPTIMIZER_MALFORMED",
    `optimizer: the params of its groups ${what} (${file})`,
    {
      details: { path: file },
    },
  );
}

/** The same optimizer under the names that are certain. */
function renamed(optimizer: OptimizerComponent, names: Names, naming: OptimizerNaming): OptimizerComponent {
  const certain = new Map<string, string>();
  const open = new Map<string, readonly string[]>();
  for (const [number, own] of names) {
    const [name] = own;
    if (name !== undefined && own.size === 1) certain.set(number, name);
    else
      open.set(
        number,
        [...own].filter((each) => each !== undefined),
      );
  }
  const nameOf = (number: string): string => certain.get(number) ?? number;
  const states = new Map<string, ReadonlyMap<string, Tensor>>();
  for (const [number, state] of optimizer.states) states.set(nameOf(number), state);
  const groups = optimizer.groups.map(({ parameters, settings }) => ({
    parameters: parameters.map(nameOf),
    settings,
  }));
  const obstacle = obstacleOf(open);
  return {
    ...optimizer,
    states,
    groups,
    naming: {
      ...naming,
      ...(obstacle !== undefined && { obstacle }),
      ...(obstacle !== undefined && { candidates: open }),
    },
  };
}

function obstacleOf(open: ReadonlyMap<string, readonly string[]>): string | undefined {
  const several = [...open].find(([, names]) => names.length > 1);
  if (several !== undefined)
    return `number ${several[0]} may be ${several[1].join(" or ")}, by its shape and its place`;
  if (open.size === 0) return undefined;
  const numbers = [...open.keys()].slice(0, 3).join(", ") + (open.size > 3 ? ", …" : "");
  return `numbers ${numbers} are of parameters that the checkpoint does not hold`;
}
