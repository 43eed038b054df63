// An order for the parameters of an optimizer whose files keep none: the one that was given, or that in which the model has them.
import type { OptimizerComponent } from "../core/index.ts";
import { namesGiven, orderMisfit } from "./given-order.ts";
import { orderSetting } from "./group-settings.ts";
import type { OpenOptions } from "./layout.ts";
import { type LiveParameters, liveParameters } from "./live-parameters.ts";
import type { ModelPart } from "./model-part.ts";

/**
 * Sorts what {@link OptimizerComponent.orderUnknown} tells of. `--param-order` lists the parameters through all groups; without it
 * one group is sorted as `named_parameters()` of a known architecture goes, which is what optimizers are given. Of several
 * groups nobody knows which is the first.
 * @throws PlanError TENON_PARAM_ORDER_MISFIT
 */
export function inKnownOrder(
  stored: OptimizerComponent,
  model: ModelPart,
  { paramOrder, knownBase }: Pick<OpenOptions, "paramOrder" | "knownBase">,
): OptimizerComponent {
  const optimizer = unmarked(stored);
  if (optimizer.orderUnknown === undefined) return optimizer;
  const live = liveParameters(model, knownBase);
  if (paramOrder !== undefined) {
    const order = "the order that was given (--param-order)";
    return sorted(optimizer, namesInOrder(optimizer, live, paramOrder), order);
  }
  if (optimizer.groups.length !== 1 || "reason" in live.order) return optimizer;
  const names = live.parameters.map(({ name }) => name);
  const places = new Map(names.map((name, at) => [name, at]));
  const isKnown = optimizer.groups.every(({ parameters }) => parameters.every((name) => places.has(name)));
  return isKnown ? sorted(optimizer, places, live.order.evidence) : optimizer;
}

/** What tenon wrote for an optimizer of this kind says so in its groups. */
function unmarked(optimizer: OptimizerComponent): OptimizerComponent {
  const marks = optimizer.groups.map(({ settings }) => settings[orderSetting]);
  const reason = marks.find((mark) => typeof mark === "string");
  if (typeof reason !== "string") return optimizer;
  const groups = optimizer.groups.map(({ parameters, settings: { [orderSetting]: _, ...settings } }) => ({
    parameters,
    settings: Object.assign(Object.create(null) as object, settings),
  }));
  return { ...optimizer, groups, orderUnknown: reason };
}

function sorted(
  { orderUnknown: _, ...optimizer }: OptimizerComponent,
  places: ReadonlyMap<string, number>,
  order: string,
): OptimizerComponent {
  const at = (name: string): number => places.get(name) ?? 0;
  const groups = optimizer.groups
    .map((group) => ({
      ...group,
      parameters: [...group.parameters].sort((one, other) => at(one) - at(other)),
    }))
    .sort((one, other) => at(one.parameters[0] ?? "") - at(other.parameters[0] ?? ""));
  return { ...optimizer, groups, naming: { order } };
}

/** Canonical name → place. Every parameter has one, and no group lies inside of another. */
function namesInOrder(
  optimizer: OptimizerComponent,
  live: LiveParameters,
  given: readonly string[],
): ReadonlyMap<string, number> {
  const names = namesGiven(
    given.map((_, at) => String(at)),
    live,
    given,
  );
  const places = new Map(
    [...names].flatMap(([at, own]) => [...own].map((name) => [name ?? "", Number(at)] as const)),
  );
  const all = optimizer.groups.flatMap(({ parameters }) => parameters);
  const absent = all.find((name) => !places.has(name));
  if (absent !== undefined)
    throw orderMisfit(`lacks ${JSON.stringify(absent)}, which the optimizer has`, optimizer, {
      name: absent,
    });
  if (places.size !== all.length || given.length !== all.length)
    throw orderMisfit(`names ${given.length} parameters, the optimizer has ${all.length}`, optimizer, {
      found: given.length,
      needed: all.length,
    });
  for (const { parameters } of optimizer.groups) {
    const own = parameters.map((name) => places.get(name) ?? 0);
    if (own.length > 0 && Math.max(...own) - Math.min(...own) !== own.length - 1)
      throw orderMisfit("has parameters of one group between those of another", optimizer, {
        name: parameters[0],
      });
  }
  return places;
}
