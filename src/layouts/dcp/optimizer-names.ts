// An optimizer's state dict in its two spellings, as one.
import type { StateLeaf, StateNode } from "./state-tree.ts";
import { leavesOf } from "./state-tree.ts";

/** Leaves by parameter and state name, and the param groups as they were saved. */
export interface OptimizerParts {
  /** Parameter (a name, or torch's running number) → state name → leaf. */
  readonly states: ReadonlyMap<string, ReadonlyMap<string, StateLeaf>>;
  readonly groups: readonly GroupParts[] | StateNode | StateLeaf | undefined;
}

/** A parameter's own copy of its group's settings. */
export interface GroupParts {
  readonly parameter: string;
  readonly settings: ReadonlyMap<string, StateLeaf>;
}

export function optimizerParts(optimizer: StateNode): OptimizerParts {
  const state = optimizer.entries.get("state");
  const groups = optimizer.entries.get("param_groups");
  return state === undefined && groups === undefined ? flattened(optimizer) : nested(state, groups);
}

function nested(
  state: StateNode | StateLeaf | undefined,
  groups: StateNode | StateLeaf | undefined,
): OptimizerParts {
  const states = new Map<string, ReadonlyMap<string, StateLeaf>>();
  if (state?.kind === "dict" || state?.kind === "list")
    for (const [parameter, entry] of state.entries) {
      const leaves = [...leavesOf(entry)].map(([at, leaf]): [string, StateLeaf] => [at.join("."), leaf]);
      states.set(String(parameter), new Map(leaves));
    }
  return { states, groups };
}

/**
 * torch's `flatten_optimizer_state_dict`: keys `param_groups.<parameter>.<setting>` and `state.<parameter>.<state name>`. A
 * setting's name has no dot, so the groups tell the parameters, and the longest of them that a state's key begins with is
 * its parameter.
 */
function flattened({ entries }: StateNode): OptimizerParts {
  const settings = new Map<string, Map<string, StateLeaf>>();
  const rest: [string, StateLeaf][] = [];
  for (const [key, entry] of entries) {
    for (const [at, leaf] of leavesOf(entry, [key])) {
      const name = at.join(".");
      const inner = after(name, "param_groups.");
      if (inner === undefined) rest.push([name, leaf]);
      else put(settings, inner, inner.lastIndexOf("."), leaf);
    }
  }
  const states = new Map<string, Map<string, StateLeaf>>();
  for (const [name, leaf] of rest) {
    const inner = after(name, "state.");
    if (inner !== undefined) put(states, inner, parameterEnd(inner, settings), leaf);
  }
  return { states, groups: [...settings].map(([parameter, own]) => ({ parameter, settings: own })) };
}

function after(name: string, prefix: string): string | undefined {
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}

function parameterEnd(name: string, parameters: ReadonlyMap<string, unknown>): number {
  for (let end = name.lastIndexOf("."); end > 0; end = name.lastIndexOf(".", end - 1))
    if (parameters.has(name.slice(0, end))) return end;
  return name.lastIndexOf(".");
}

function put(into: Map<string, Map<string, StateLeaf>>, name: string, dot: number, leaf: StateLeaf): void {
  const parameter = name.slice(0, Math.max(dot, 0));
  const own = into.get(parameter) ?? new Map<string, StateLeaf>();
  into.set(parameter, own.set(name.slice(dot + 1), leaf));
}
