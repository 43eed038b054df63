import { FormatError } from "../core/index.ts";
import type { PickleLimits } from "./limits.ts";
import { HostValue, PickleMap, PickleRecord, type PickleValue } from "./values.ts";

/** A container of up to so many values, all told, is counted anew at each place rather than remembered. */
const leafValues = 16;

interface Frame {
  readonly node: object;
  readonly children: readonly object[];
  next: number;
  /** Values below and including this node, each counted at every place where it appears. */
  values: number;
  depth: number;
}

/**
 * Checks that a value is a finite tree once sharing is expanded, so that whoever walks it later needs no care:
 * no cycles, no nesting past `limits.depth`, no more than `limits.expandedValues` in all.
 * @throws FormatError TENON_PICKLE_CYCLE, TENON_PICKLE_LIMIT
 */
export function checkGraph(root: PickleValue, limits: PickleLimits, file: string): void {
  if (!isContainer(root)) return;
  const done = new Map<object, { values: number; depth: number }>();
  const open = new Set<object>();
  const frames: Frame[] = [enter(root)];
  open.add(root);
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const child = frame.children[frame.next++];
    if (child === undefined) {
      frames.pop();
      open.delete(frame.node);
      if (frame.values > leafValues) done.set(frame.node, { values: frame.values, depth: frame.depth });
      add(frames.at(-1), frame, limits, file);
      continue;
    }
    const known = done.get(child);
    if (known !== undefined) add(frame, known, limits, file);
    else if (open.has(child)) {
      throw new FormatError("TENON_PICKLE_CYCLE", `pickle: an object contains itself (${file})`, {
        details: { file },
      });
    } else {
      if (frames.length >= limits.depth) tooDeep(limits, file);
      const entered = enter(child);
      // Most containers hold plain values: counted again where they are shared, they need no place in memory.
      if (entered.children.length === 0 && entered.values <= leafValues) add(frame, entered, limits, file);
      else {
        open.add(child);
        frames.push(entered);
      }
    }
  }
}

function add(
  frame: Frame | undefined,
  child: { values: number; depth: number },
  limits: PickleLimits,
  file: string,
): void {
  if (frame === undefined) return;
  frame.values += child.values;
  frame.depth = Math.max(frame.depth, child.depth + 1);
  if (frame.depth > limits.depth) tooDeep(limits, file);
  if (frame.values > limits.expandedValues) {
    const message = `pickle: shared objects expand to more than ${limits.expandedValues} values (${file})`;
    throw new FormatError("TENON_PICKLE_LIMIT", message, {
      details: { limit: limits.expandedValues, file },
    });
  }
}

function tooDeep(limits: PickleLimits, file: string): never {
  throw new FormatError("TENON_PICKLE_LIMIT", `pickle: nests deeper than ${limits.depth} (${file})`, {
    details: { limit: limits.depth, file },
  });
}

function enter(node: object): Frame {
  const children: object[] = [];
  let values = 1;
  const see = (value: PickleValue | undefined): void => {
    if (isContainer(value)) children.push(value);
    else values++;
  };
  if (node instanceof PickleMap) {
    for (const [key, value] of node) {
      see(key);
      see(value);
    }
    see(node.attributes);
  } else if (node instanceof PickleRecord) {
    for (const value of node.parts()) see(value);
  } else if (node instanceof HostValue) for (const value of node.children()) see(value);
  else for (const value of node as Iterable<PickleValue>) see(value);
  return { node, children, next: 0, values, depth: 1 };
}

function isContainer(value: PickleValue | undefined): value is PickleValue & object {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  return (
    Array.isArray(value) ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof PickleRecord ||
    value instanceof HostValue
  );
}
