// Which part of a saved state dict is the model, which the optimizer, and what is left.
import { stateDictContainers } from "../../formats/index.ts";
import { leavesOf, type StateLeaf, type StateNode } from "./state-tree.ts";

export interface StateParts {
  /** Dict from parameter name to tensor, or nested dicts of them. */
  readonly model: StateNode | undefined;
  readonly optimizer: StateNode | undefined;
  /** Whatever else stands in the state dict. */
  readonly rest: StateNode;
}

/** Depth at which parts are looked for: `{"app": {"model": …}}` of torch's own guide is 2. */
const partDepth = 3;

/**
 * Finds the parts. An optimizer is a dict with `state` and `param_groups`, or with such names flattened into its keys; of an
 * optimizer without state it is the groups alone. The model is a dict under one of the usual names; where there is none, the tensors at the top are (torchtitan).
 */
export function partsOf(root: StateNode): StateParts {
  const [optimizer, ...moreOptimizers] = dictsIn(root, (_, node) => isOptimizer(node));
  const taken = new Set<StateNode | StateLeaf>([...(optimizer ? [optimizer] : []), ...moreOptimizers]);
  const isModel = (key: string | number, node: StateNode): boolean =>
    stateDictContainers.has(String(key)) && !taken.has(node) && hasTensor(node);
  const inContainer = dictsIn(root, isModel).at(-1);
  const model = inContainer ?? atTop(root);
  if (inContainer !== undefined) taken.add(inContainer);
  if (optimizer === undefined) return { model, optimizer: undefined, rest: without(root, taken, model) };
  for (const more of moreOptimizers) taken.delete(more);
  return { model, optimizer, rest: without(root, taken, model) };
}

/** Dicts below (and not in one another's way) for which a test holds, the nearest to the top first. */
function dictsIn(root: StateNode, test: (key: string | number, node: StateNode) => boolean): StateNode[] {
  const found: StateNode[] = [];
  let level: StateNode[] = [root];
  if (test("", root)) return [root];
  for (let depth = 0; depth < partDepth && level.length > 0; depth++) {
    const next: StateNode[] = [];
    for (const node of level)
      for (const [key, entry] of node.entries) {
        if (entry.kind !== "dict") continue;
        if (test(key, entry)) found.push(entry);
        next.push(entry);
      }
    level = next;
  }
  return found;
}

/** torch leaves an empty dict out: an optimizer that has no state (SGD without momentum) is saved as its groups alone. */
function isOptimizer({ entries }: StateNode): boolean {
  const groups = entries.get("param_groups");
  if (groups !== undefined) return entries.has("state") || isGroups(groups);
  const keys = [...entries.keys()].map(String).filter((key) => !key.startsWith("state."));
  const settings = keys.filter((key) => key.startsWith("param_groups."));
  return settings.length > 0 && (keys.length < entries.size || settings.length === keys.length);
}

function isGroups(groups: StateNode | StateLeaf): boolean {
  if (groups.kind !== "list") return false;
  return [...groups.entries.values()].every((group) => group.kind === "dict" && group.entries.has("params"));
}

function hasTensor(node: StateNode): boolean {
  for (const [, leaf] of leavesOf(node)) if (leaf.kind === "tensor") return true;
  return false;
}

/** The tensors that stand in no dict, as a dict of their own. */
function atTop({ entries }: StateNode): StateNode | undefined {
  const tensors = [...entries].filter(([, entry]) => entry.kind === "tensor");
  return tensors.length === 0 ? undefined : { kind: "dict", entries: new Map(tensors) };
}

function without(
  node: StateNode,
  taken: ReadonlySet<StateNode | StateLeaf>,
  model: StateNode | undefined,
): StateNode {
  const own = new Set(model?.entries.values());
  const entries: [string | number, StateNode | StateLeaf][] = [];
  for (const [key, entry] of node.entries) {
    if (taken.has(entry) || own.has(entry)) continue;
    if (entry.kind === "tensor" || entry.kind === "object") entries.push([key, entry]);
    else {
      const rest = without(entry, taken, model);
      if (rest.entries.size > 0 || entry.entries.size === 0) entries.push([key, rest]);
    }
  }
  return { kind: node.kind, entries: new Map(entries) };
}
