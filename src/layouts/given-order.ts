// Names that somebody gave for the running numbers of an optimizer: --param-order, or the optimizer itself.
import { canonicalName, readNames } from "../adapters/index.ts";
import { type OptimizerComponent, PlanError } from "../core/index.ts";
import { countedFor, type Names } from "./group-alignment.ts";
import type { LiveParameter, LiveParameters } from "./live-parameters.ts";
import { fits } from "./shape-alignment.ts";

/** @throws PlanError TENON_PARAM_ORDER_MISFIT */
export function inOrder(
  optimizer: OptimizerComponent,
  numbers: readonly string[],
  live: LiveParameters,
  order: readonly string[],
): Names {
  if (order.length !== numbers.length)
    throw orderMisfit(`names ${order.length} parameters, the optimizer counts ${numbers.length}`, optimizer, {
      found: order.length,
      needed: numbers.length,
    });
  const twice = order.find((name, at) => order.indexOf(name) !== at);
  if (twice !== undefined)
    throw orderMisfit(`names ${JSON.stringify(twice)} twice`, optimizer, { name: twice });
  const stranger = live.isWhole ? order.find((name) => named(live, name) === undefined) : undefined;
  if (stranger !== undefined)
    throw orderMisfit(`names ${JSON.stringify(stranger)}, which the checkpoint does not hold`, optimizer, {
      name: stranger,
    });
  const sorted = [...numbers].sort((one, other) => Number(one) - Number(other));
  const names = namesGiven(sorted, live, order);
  const said = [...names.values()].map(([name]) => name);
  const again = said.find((name, at) => said.indexOf(name) !== at);
  if (again !== undefined)
    throw orderMisfit(`names ${JSON.stringify(again)} twice`, optimizer, { name: again });
  const [wrong] = misfitsIn(optimizer, numbers, live, names);
  if (wrong !== undefined) throw orderMisfit(wrong.message, optimizer, wrong.details);
  return names;
}

/** Names as they were given, each number its own; those of parameters that are not here are read as PEFT spells them. */
export function namesGiven(
  numbers: readonly string[],
  live: LiveParameters,
  given: readonly string[],
): Names {
  const strangers = given.filter((name) => named(live, name) === undefined);
  const { meanings } = readNames(strangers, { kind: "model" });
  const canonical = (name: string): string => {
    const meaning = meanings.get(name);
    return name.includes(":") || meaning === undefined ? name : canonicalName(meaning);
  };
  return new Map(
    numbers.map((number, at) => {
      const name = given[at] ?? "";
      return [number, new Set([named(live, name)?.name ?? canonical(name)])];
    }),
  );
}

interface Misfit {
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Names whose parameter has another shape than the states of their number. */
export function misfitsIn(
  optimizer: OptimizerComponent,
  numbers: readonly string[],
  live: LiveParameters,
  names: Names,
): Misfit[] {
  const byName = new Map(live.parameters.map((parameter) => [parameter.name, parameter]));
  return numbers.flatMap((number) => {
    const [name] = names.get(number) ?? [];
    const parameter = byName.get(name ?? "");
    const counted = countedFor(optimizer, number);
    if (parameter === undefined || fits(counted, { ...parameter, isUnused: false })) return [];
    const [found, needed] = [`[${counted.shape?.join(", ")}]`, `[${parameter.shape.join(", ")}]`];
    const message = `number ${number} cannot be ${JSON.stringify(name)}: its state is ${found}, the parameter ${needed}`;
    return [{ message, details: { number, name, found: counted.shape, needed: parameter.shape } }];
  });
}

export function orderMisfit(
  what: string,
  { file }: OptimizerComponent,
  details: Readonly<Record<string, unknown>>,
): PlanError {
  return new PlanError("TENON_PARAM_ORDER_MISFIT", `param-order: the given order ${what} (${file})`, {
    details: { ...details, path: file },
    hint: "Give one name a line, in the order in which the optimizer was given the parameters.",
  });
}

function named(live: LiveParameters, name: string): LiveParameter | undefined {
  const bare = name.replace(/^(?:module\.|_orig_mod\.)+/, "");
  return (
    live.parameters.find(({ name: own }) => own === name) ??
    live.parameters.find(({ aliases }) => aliases.includes(name) || aliases.includes(bare)) ??
    live.parameters.find(({ liveName }) => `base_model.model.${liveName}` === bare)
  );
}
