import { FormatError } from "../../core/index.ts";
import { listLengthLimit } from "./limits.ts";
import type { Metadata, StatePath } from "./metadata.ts";
import type { Place } from "./place.ts";
import type { TensorRecord } from "./tensor-record.ts";

/** What stands at the end of a path. */
export type StateLeaf =
  | { readonly kind: "tensor"; readonly name: string; readonly record: TensorRecord }
  | { readonly kind: "object"; readonly name: string; readonly place: Place };

/** A dict or list of the state dict. Keys of a list are its positions, from 0, in order. */
export interface StateNode {
  readonly kind: "dict" | "list";
  readonly entries: Map<string | number, StateNode | StateLeaf>;
}

/** Nesting of a state dict; real ones stay below 10. */
const depthLimit = 64;

/**
 * Puts the items of a checkpoint back where they stood in the state dict that was saved.
 * @throws FormatError TENON_DCP_PATHS when two of them cannot stand in one state dict
 */
export function stateTree(metadata: Metadata, path: string): StateNode {
  const root: StateNode = { kind: "dict", entries: new Map() };
  const lists: [StateNode, string][] = [];
  const put = (leaf: StateLeaf): void => {
    const at = metadata.paths.get(leaf.name) ?? [leaf.name];
    if (at.length > depthLimit) fail(`${JSON.stringify(leaf.name)} nests deeper than ${depthLimit}`, path);
    let node = root;
    for (const [depth, segment] of at.entries()) {
      checkKey(node, segment, at, path);
      if (depth === at.length - 1) {
        if (node.entries.has(segment)) fail(`two items stand at ${spell(at)}`, path);
        node.entries.set(segment, leaf);
        return;
      }
      const kind = typeof at[depth + 1] === "number" ? "list" : "dict";
      let next = node.entries.get(segment);
      if (next === undefined) {
        next = { kind, entries: new Map() };
        node.entries.set(segment, next);
        if (kind === "list") lists.push([next, spell(at.slice(0, depth + 1))]);
      }
      if (next.kind === "tensor" || next.kind === "object")
        fail(`${spell(at.slice(0, depth + 1))} is an item and holds ${spell(at)}`, path);
      node = next;
    }
  };
  for (const [name, record] of metadata.tensors) put({ kind: "tensor", name, record });
  for (const [name, place] of metadata.objects) put({ kind: "object", name, place });
  for (const name of metadata.paths.keys())
    if (!metadata.tensors.has(name) && !metadata.objects.has(name))
      fail(`planner_data has ${JSON.stringify(name)}, state_dict_metadata has not`, path);
  for (const [list, where] of lists) sortList(list, where, path);
  return root;
}

function checkKey(node: StateNode, segment: string | number, at: StatePath, path: string): void {
  const isPosition = typeof segment === "number";
  if (isPosition !== (node.kind === "list"))
    fail(`${spell(at)} goes through a list and a dict at once`, path);
  if (isPosition && segment >= listLengthLimit)
    fail(`${spell(at)}: position ${segment}; lists of up to ${listLengthLimit} are read`, path);
}

function sortList(list: StateNode, where: string, path: string): void {
  const entries = [...list.entries].sort(([a], [b]) => Number(a) - Number(b));
  const gap = entries.findIndex(([position], at) => position !== at);
  if (gap >= 0) fail(`the list ${where} has no item ${gap} of ${Number(entries.at(-1)?.[0]) + 1}`, path);
  list.entries.clear();
  for (const [position, entry] of entries) list.entries.set(position, entry);
}

function spell(at: StatePath): string {
  return at
    .map((segment) => (typeof segment === "number" ? `[${segment}]` : JSON.stringify(segment)))
    .join(".");
}

function fail(complaint: string, path: string): never {
  throw new FormatError("TENON_DCP_PATHS", `dcp: ${complaint} (${path})`, {
    details: { path },
    hint: "The file is damaged or was put together by hand: save the checkpoint again.",
  });
}

/** Every leaf below, with its path from here. */
export function* leavesOf(
  node: StateNode | StateLeaf,
  at: StatePath = [],
): Generator<readonly [StatePath, StateLeaf]> {
  if (node.kind === "tensor" || node.kind === "object") yield [at, node];
  else for (const [key, entry] of node.entries) yield* leavesOf(entry, [...at, key]);
}
