/**
 * Fits names to the names of a base model that is known, by their longest common suffix.
 *
 * One name proves little (`weight` ends them all), so every name votes for a pair "prefix to take off, prefix to put on"
 * and a name moves only along a pair that others chose too or that covers one of the two names whole.
 */
interface Node {
  readonly children: Map<string, Node>;
  /** The one known path that ends here, `null` once there are several. */
  only: readonly string[] | null;
}

export interface Alignment {
  /** Own path → path of the base model; paths that fit as they are, or fit nothing, are absent. */
  readonly moved: ReadonlyMap<string, string>;
  /** Paths that fit several ways. */
  readonly ambiguous: readonly string[];
  /** Paths that no known path corresponds to. */
  readonly unknown: readonly string[];
}

/** @param paths names or module paths to fit; @param known every name, and every path of a module, of the base */
export function alignPaths(paths: readonly string[], known: ReadonlySet<string>): Alignment {
  const strangers = paths.filter((path) => !known.has(path));
  const moved = new Map<string, string>();
  const ambiguous: string[] = [];
  const unknown: string[] = [];
  if (strangers.length === 0) return { moved, ambiguous, unknown };
  const tree = suffixTree(known);
  const votes = new Map<string, { off: string; on: string; count: number; isWhole: boolean }>();
  for (const path of strangers) {
    const vote = voteOf(path, tree);
    if (vote === undefined) continue;
    const key = `${vote.off}\n${vote.on}`;
    const so = votes.get(key) ?? { ...vote, count: 0 };
    votes.set(key, { ...so, count: so.count + 1, isWhole: so.isWhole || vote.isWhole });
  }
  const pairs = [...votes.values()].filter(({ count, isWhole }) => isWhole || count > 1);
  const best = Math.max(0, ...pairs.map(({ count }) => count));
  for (const path of strangers) {
    const targets = new Map<string, number>();
    for (const { off, on, count } of pairs) {
      const target = movedAlong(path, off, on);
      if (target !== undefined && known.has(target)) targets.set(target, count);
    }
    const most = Math.max(0, ...targets.values());
    const winners = [...targets].filter(([, count]) => count === most).map(([target]) => target);
    if (winners.length === 1 && (most === best || targets.size === 1)) moved.set(path, winners[0] as string);
    else if (targets.size > 0 || isDeepButAmbiguous(path, tree)) ambiguous.push(path);
    else unknown.push(path);
  }
  return { moved, ambiguous, unknown };
}

function suffixTree(known: ReadonlySet<string>): Node {
  const root: Node = { children: new Map(), only: null };
  for (const path of known) {
    const segments = path.split(".");
    let node = root;
    for (let at = segments.length - 1; at >= 0; at--) {
      const segment = segments[at] as string;
      const child = node.children.get(segment);
      if (child === undefined) {
        const fresh: Node = { children: new Map(), only: segments };
        node.children.set(segment, fresh);
        node = fresh;
      } else {
        child.only = null;
        node = child;
      }
    }
  }
  return root;
}

function deepest(path: string, tree: Node): { readonly node: Node; readonly depth: number } {
  const segments = path.split(".");
  let node = tree;
  let depth = 0;
  for (let at = segments.length - 1; at >= 0; at--) {
    const child = node.children.get(segments[at] as string);
    if (child === undefined) break;
    node = child;
    depth++;
  }
  return { node, depth };
}

function voteOf(path: string, tree: Node): { off: string; on: string; isWhole: boolean } | undefined {
  const segments = path.split(".");
  const { node, depth } = deepest(path, tree);
  if (depth === 0 || node.only === null) return undefined;
  const target = node.only;
  const common = segments.slice(segments.length - depth);
  const isWhole = depth === segments.length || depth === target.length;
  // A suffix that names a numbered layer is no accident; a shorter one is, unless it is the whole name.
  if (!isWhole && !common.some((segment) => /^\d+$/.test(segment))) return undefined;
  const off = segments.slice(0, segments.length - depth).join(".");
  const on = target.slice(0, target.length - depth).join(".");
  return { off, on, isWhole };
}

function isDeepButAmbiguous(path: string, tree: Node): boolean {
  const { node, depth } = deepest(path, tree);
  return (
    node.only === null &&
    depth > 1 &&
    path
      .split(".")
      .slice(-depth)
      .some((s) => /^\d+$/.test(s))
  );
}

function movedAlong(path: string, off: string, on: string): string | undefined {
  const rest = off === "" ? path : path.startsWith(`${off}.`) ? path.slice(off.length + 1) : undefined;
  if (rest === undefined) return undefined;
  return on === "" ? rest : `${on}.${rest}`;
}
