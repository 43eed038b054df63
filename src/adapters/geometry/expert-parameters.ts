import type { AdapterModule, TensorMeta } from "../../core/index.ts";
import { targetParameterOf } from "../targets.ts";
import type { GeometryContext, TargetedParameter } from "./context.ts";
import { fusedParameters } from "./expert-list.ts";
import { ambiguous, targetNotFound } from "./refusals.ts";

/**
 * Names do not say which parameter a pair belongs to: PEFT wraps the module once for each, the first registered one
 * innermost (deepest nesting). Shapes tell where only one assignment fits; else the order in which transformers registers
 * them.
 */
export function parameterOf(context: GeometryContext, module: AdapterModule): TargetedParameter | undefined {
  const candidates = candidatesOf(context, module.path);
  if (candidates.length === 0) return undefined;
  const levels = [...context.modules.values()]
    .filter(({ path, loraA, loraB }) => path === module.path && loraA !== undefined && loraB !== undefined)
    .sort((one, other) => other.nesting - one.nesting);
  const at = levels.findIndex(({ nesting }) => nesting === module.nesting);
  const assignments = assign(levels, candidates);
  if (assignments.length === 0)
    throw targetNotFound(
      context.adapter,
      module.path,
      candidates.map(({ key }) => key),
    );
  const chosen = assignments.length === 1 ? assignments[0] : assignments.find(isInOrder);
  const found = chosen?.[at];
  if (found === undefined)
    throw ambiguous(context.adapter, module.path, "the parameter of each pair", tensorsOf(levels));
  return found;
}

function candidatesOf(context: GeometryContext, path: string): TargetedParameter[] {
  const stored: TargetedParameter[] = [];
  const prefix = `${path}.`;
  for (const [name, { shape }] of context.base)
    if (name.startsWith(prefix) && !name.slice(prefix.length).includes("."))
      stored.push({ key: name, shape });
  const all = stored.length > 0 ? stored : fusedParameters(context, path);
  return all.filter(({ key }) => targetParameterOf(context.config, key) !== undefined);
}

/** Every way to give each pair, deepest first, a parameter of its own that it fits. */
function assign(
  levels: readonly AdapterModule[],
  candidates: readonly TargetedParameter[],
): TargetedParameter[][] {
  const [first, ...rest] = levels;
  if (first === undefined) return [[]];
  return candidates
    .filter((candidate) => fits(first, candidate))
    .flatMap((candidate) =>
      assign(
        rest,
        candidates.filter((other) => other !== candidate),
      ).map((others) => [candidate, ...others]),
    );
}

function fits({ loraA, loraB }: AdapterModule, { shape }: TargetedParameter): boolean {
  const [x, y] = shape.slice(-2);
  const [inFeatures, outFeatures] = [loraA?.shape[1], loraB?.shape[0]];
  const isDefault = x === outFeatures && y === inFeatures;
  return isDefault || (shape.length === 3 && x === inFeatures && y === outFeatures);
}

/** Orders in which the expert modules of transformers register their parameters. */
const registered: readonly string[] = ["gate_up_proj", "gate_proj", "up_proj", "w1", "w3", "down_proj", "w2"];

function isInOrder(parameters: readonly TargetedParameter[]): boolean {
  const places = parameters.map(({ key }) => registered.indexOf(key.slice(key.lastIndexOf(".") + 1)));
  return places.every((place, at) => place >= 0 && (at === 0 || place > (places[at - 1] as number)));
}

function tensorsOf(levels: readonly AdapterModule[]): TensorMeta[] {
  return levels.flatMap(({ loraA, loraB }) => [loraA, loraB].filter((tensor) => tensor !== undefined));
}
