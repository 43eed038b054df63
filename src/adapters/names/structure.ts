import type { Role } from "../../core/index.ts";
import { foreignTail } from "./foreign.ts";
import { extraTokens, moduleTokens, parameterTokens, quantLast, quantLeaf } from "./wire.ts";

/** Oddities of spelling that a name alone shows. */
export type SpellingNote = "adapterDoubled" | "parameterSpelling" | "tokenAdapter" | "strayWrapper";

/** A name without wrapper prefixes, taken apart. */
export interface Structure {
  readonly role: Role;
  readonly module: string;
  readonly leaf: string;
  readonly adapter?: string;
  readonly nesting: number;
  readonly wrappedAt?: readonly string[];
  readonly note?: SpellingNote;
  /** Adapter type or ecosystem, for `foreign`. */
  readonly family?: string;
}

/** Role and leaf at the end of a name; `at` is where the module's path ends. */
interface Tail extends Pick<Structure, "role" | "leaf" | "adapter" | "note" | "family"> {
  readonly at: number;
}

/**
 * Takes one name apart by its segments, never by substrings: `lora_head.weight` is a plain parameter.
 * Prefixes of wrappers must be off already; `base_layer` segments count as wrappers unless `keepBaseLayer`.
 */
export function readStructure(segments: readonly string[], keepBaseLayer: "keep" | "remove"): Structure {
  const tail = adapterTail(segments) ?? tokenTail(segments) ?? foreign(segments) ?? quantTail(segments);
  if (tail !== undefined) return pathOf(segments, tail, keepBaseLayer);
  for (const token of ["modules_to_save", "original_module"] as const) {
    const at = segments.indexOf(token);
    if (at > 0 && at < segments.length - 1) return saved(segments, at, token, keepBaseLayer);
  }
  const last = segments.length - 1;
  const plain = pathOf(segments, { role: "plain", leaf: segments[last] ?? "", at: last }, keepBaseLayer);
  return plain.nesting > 0 ? { ...plain, role: "baseLayer" } : plain;
}

/** `lora_A[.N].weight` and its kin. */
function adapterTail(segments: readonly string[]): Tail | undefined {
  for (let at = segments.length - 1; at >= 0; at--) {
    const token = segments[at] as string;
    // Every token of LoRA starts so; the check keeps the many names that are plain cheap.
    if (!token.startsWith("lora_")) continue;
    const rest = segments.slice(at + 1);
    const role = moduleTokens.get(token);
    if (role !== undefined) return moduleTail(role, at, rest);
    const parameter = parameterTokens.get(token);
    if (parameter !== undefined) return parameterTail(token, parameter, at, rest);
    if (extraTokens.has(token))
      return { role: "loraExtra", leaf: [token, ...rest.slice(1)].join("."), at, ...named(rest.slice(0, 1)) };
  }
  return undefined;
}

function moduleTail(role: Role, at: number, rest: readonly string[]): Tail {
  const leaf = rest.at(-1);
  const names = rest.slice(0, -1);
  const token = role === "loraA" ? "lora_A" : "lora_B";
  if (!areEqual(names)) return unreadable(token, at, rest);
  if (leaf === "weight") return { role, leaf: "", at, ...named(names) };
  if (leaf === "bias" && role === "loraB") return { role: "loraBias", leaf: "", at, ...named(names) };
  // Without `.weight`: AdaLoRA's parameters, or loralib's. Neither is LoRA as PEFT stores it.
  if (rest.length > 1) return unreadable(token, at, rest);
  return { role: "foreign", leaf: [token, ...rest].join("."), at, family: "ADALORA_OR_LORALIB" };
}

function unreadable(token: string, at: number, rest: readonly string[]): Tail {
  return { role: "foreign", leaf: [token, ...rest].join("."), at, family: "UNKNOWN_LORA" };
}

function parameterTail(token: string, role: Role, at: number, rest: readonly string[]): Tail {
  const hasWeight = rest.at(-1) === "weight";
  const names = hasWeight ? rest.slice(0, -1) : rest;
  if (!areEqual(names)) return unreadable(token, at, rest);
  const tail: Tail = { role, leaf: "", at, ...named(names) };
  if (tail.note !== undefined || (names.length === 0 && !hasWeight)) return tail;
  return { ...tail, note: "parameterSpelling" };
}

function areEqual(names: readonly string[]): boolean {
  return names.every((name) => name === names[0]);
}

function named(names: readonly string[]): { adapter?: string; note?: SpellingNote } {
  const adapter = names[0];
  if (adapter === undefined) return {};
  return names.length > 1 ? { adapter, note: "adapterDoubled" } : { adapter };
}

function tokenTail(segments: readonly string[]): Tail | undefined {
  const at = segments.lastIndexOf("token_adapter");
  if (at <= 0) return undefined;
  const rest = segments.slice(at + 1);
  if (rest[0] === "trainable_tokens_delta" && rest.length <= 2)
    return { role: "tokenDelta", leaf: "", at, ...named(rest.slice(1)) };
  if (rest[0] === "base_layer" && rest.length === 2)
    return { role: "tokenBase", leaf: rest[1] as string, at, note: "tokenAdapter" };
  return undefined;
}

function foreign(segments: readonly string[]): Tail | undefined {
  const found = foreignTail(segments);
  if (found === undefined) return undefined;
  return {
    role: "foreign",
    leaf: segments.slice(found.at).join("."),
    at: found.at,
    family: found.family,
  };
}

function quantTail(segments: readonly string[]): Tail | undefined {
  if (!quantLast.test(segments.at(-1) ?? "")) return undefined;
  for (const length of [1, 2, 3]) {
    const at = segments.length - length;
    if (at < 0) return undefined;
    const leaf = segments.slice(at).join(".");
    if (quantLeaf.test(leaf)) return { role: "quantState", leaf, at };
  }
  return undefined;
}

/** `<path>.modules_to_save[.<adapter>].<rest>` and `<path>.original_module.<rest>`. */
function saved(
  segments: readonly string[],
  at: number,
  token: "modules_to_save" | "original_module",
  keepBaseLayer: "keep" | "remove",
): Structure {
  // PEFT strips the name only where it is the last segment but one, so `modules_to_save.bias` has lost its name.
  const hasName = token === "modules_to_save" && at + 2 < segments.length;
  const inner = segments.slice(at + (hasName ? 2 : 1));
  const path = [...segments.slice(0, at), ...inner.slice(0, -1)];
  const role: Role = token === "modules_to_save" ? "modulesToSave" : "originalModule";
  const tail: Tail = { role, leaf: inner.at(-1) as string, at: path.length };
  const base = pathOf([...path, tail.leaf], tail, keepBaseLayer);
  const place = segments.slice(0, at).filter((segment) => !isBaseLayer(segment, keepBaseLayer));
  const isAtEnd = place.length === base.module.split(".").length;
  return {
    ...base,
    ...(hasName ? { adapter: segments[at + 1] as string } : {}),
    ...(isAtEnd && base.wrappedAt === undefined
      ? {}
      : { wrappedAt: [...(base.wrappedAt ?? atEnd(base)), place.join(".")] }),
    ...(token === "modules_to_save" && !hasName ? { note: "strayWrapper" } : {}),
  };
}

function atEnd(structure: Structure): string[] {
  return Array.from({ length: structure.nesting }, () => structure.module);
}

function isBaseLayer(segment: string, keepBaseLayer: "keep" | "remove"): boolean {
  return keepBaseLayer === "remove" && segment === "base_layer";
}

/** The module's path of a name, with its `base_layer` segments counted and taken out. */
function pathOf(segments: readonly string[], tail: Tail, keepBaseLayer: "keep" | "remove"): Structure {
  const { at, role, leaf, adapter, note, family } = tail;
  const first = segments.indexOf("base_layer", 1);
  const isPlain = keepBaseLayer === "keep" || first < 0 || first >= at;
  const { module, places } = isPlain
    ? { module: segments.slice(0, at).join("."), places: [] }
    : withoutBaseLayers(segments.slice(0, at));
  return {
    role,
    module,
    leaf,
    nesting: places.length,
    ...(adapter === undefined ? undefined : { adapter }),
    ...(note === undefined ? undefined : { note }),
    ...(family === undefined ? undefined : { family }),
    ...(places.every((place) => place === module) ? undefined : { wrappedAt: places }),
  };
}

function withoutBaseLayers(segments: readonly string[]): { module: string; places: string[] } {
  const path: string[] = [];
  const places: string[] = [];
  for (const segment of segments) {
    if (segment === "base_layer" && path.length > 0) places.push(path.join("."));
    else path.push(segment);
  }
  return { module: path.join("."), places };
}
