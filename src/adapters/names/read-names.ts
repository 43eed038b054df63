import { FormatError, type NameMeaning } from "../../core/index.ts";
import { nameCharacters } from "../limits.ts";
import { alignPaths } from "./align.ts";
import { observeNames } from "./observe-names.ts";
import { unwrapNames } from "./prefixes.ts";
import type { NameContext, NamesReading, ReadName } from "./reading.ts";
import { readStructure, type Structure } from "./structure.ts";

/**
 * Reads a set of stored names: roles, module paths as transformers has them, adapter names, and the wrappers that were
 * taken off. Decides prefixes over the whole set. What cannot be decided is read in the plainest way and observed
 * (`TENON_NAMES_AMBIGUOUS`).
 * @throws FormatError TENON_NAMES_TOO_LONG
 */
export function readNames(names: readonly string[], context: NameContext): NamesReading {
  for (const name of names) if (name.length > nameCharacters) throw tooLong(name);
  const known = context.knownBaseNames;
  const tops = known && new Set([...known].map((name) => name.split(".", 1)[0] as string));
  const unwrapped = unwrapNames(names, tops);
  const structures = new Map<string, Structure>();
  for (const [stored, { segments }] of unwrapped.names)
    structures.set(stored, readStructure(segments, "remove"));
  keepRealBaseLayers(structures, unwrapped.names, known);
  const alignment =
    known && alignPaths([...new Set([...structures.values()].map(fitted))], paths(known, context.liveNames));
  const read: ReadName[] = [];
  for (const [stored, structure] of structures) {
    const path = fitted(structure);
    const moved = structure.role === "foreign" ? path : (alignment?.moved.get(path) ?? path);
    const wrappers = unwrapped.names.get(stored)?.wrappers ?? [];
    read.push({ stored, structure, path, meaning: meaningOf(structure, path, moved, wrappers) });
  }
  const foreign = new Map<string, string[]>();
  for (const { stored, structure } of read) {
    if (structure.family === undefined) continue;
    const names = foreign.get(structure.family);
    if (names === undefined) foreign.set(structure.family, [stored]);
    else names.push(stored);
  }
  return {
    meanings: new Map(read.map(({ stored, meaning }) => [stored, meaning])),
    observations: observeNames(read, context, unwrapped.attributes, alignment),
    foreign,
  };
}

/** Reads one name alone; {@link readNames} is to be preferred, since only the set of names shows prefixes. */
export function readName(stored: string, context: NameContext = { kind: "unknown" }): NameMeaning {
  return readNames([stored], context).meanings.get(stored) as NameMeaning;
}

function tooLong(name: string): FormatError {
  const shown = `${name.slice(0, 80)}…`;
  const message = `names: a name has ${name.length} characters; at most ${nameCharacters} are read: ${JSON.stringify(shown)}`;
  return new FormatError("TENON_NAMES_TOO_LONG", message, {
    details: { name: shown, characters: name.length, allowed: nameCharacters },
  });
}

/** What is fitted to the known names: a base parameter by its name, an adapter tensor by its module. */
function fitted({ role, module, leaf }: Structure): string {
  const isParameter = role === "plain" || role === "baseLayer" || role === "tokenBase";
  return isParameter || role === "modulesToSave" || role === "originalModule" ? joined(module, leaf) : module;
}

function joined(module: string, leaf: string): string {
  return module === "" ? leaf : `${module}.${leaf}`;
}

/** Every name and every path of a module above it; of live names, whose modules the base lacks, the names alone. */
function paths(known: ReadonlySet<string>, live?: ReadonlyMap<string, unknown>): ReadonlySet<string> {
  const all = new Set<string>();
  for (const name of known) {
    for (let at = name.length; at > 0 && !all.has(name.slice(0, at)); at = name.lastIndexOf(".", at - 1))
      all.add(name.slice(0, at));
  }
  for (const name of live?.keys() ?? []) all.add(name);
  return all;
}

function meaningOf(
  structure: Structure,
  path: string,
  moved: string,
  wrappers: readonly string[],
): NameMeaning {
  const { role, leaf, adapter, nesting, wrappedAt } = structure;
  const isName = path !== structure.module;
  const module = isName ? moved.slice(0, Math.max(0, moved.length - leaf.length - 1)) : moved;
  const isMoved = module !== structure.module;
  const at = isMoved ? wrappedAt?.map((place) => rebased(place, structure.module, module)) : wrappedAt;
  return {
    role,
    module,
    leaf,
    ...(adapter === undefined ? undefined : { adapter }),
    nesting,
    ...(at === undefined ? undefined : { wrappedAt: at }),
    wrappers,
  };
}

/** A path above `from`, as it is called when `from` is called `to`: both lose the same number of last segments. */
function rebased(place: string, from: string, to: string): string {
  const below = from.split(".").length - place.split(".").length;
  const segments = to.split(".");
  return segments.slice(0, Math.max(1, segments.length - below)).join(".");
}

/**
 * A model may really have a module called `base_layer`: the segment stays where the known names have it, and where
 * taking it off would give a name that is stored as well while no adapter tensor sits beside it.
 */
function keepRealBaseLayers(
  structures: Map<string, Structure>,
  names: ReadonlyMap<string, { readonly segments: readonly string[] }>,
  known: ReadonlySet<string> | undefined,
): void {
  if (![...structures.values()].some(({ nesting }) => nesting > 0)) return;
  const plain = new Set<string>();
  const wrapped = new Set<string>();
  for (const { role, module, leaf } of structures.values()) {
    if (role === "plain") plain.add(joined(module, leaf));
    else if (role !== "baseLayer" && role !== "quantState") wrapped.add(module);
  }
  for (const [stored, structure] of structures) {
    if (structure.nesting === 0) continue;
    const segments = names.get(stored)?.segments ?? [];
    const collides = structure.role === "baseLayer" && plain.has(joined(structure.module, structure.leaf));
    if (known?.has(segments.join(".")) || (collides && !wrapped.has(structure.module)))
      structures.set(stored, readStructure(segments, "keep"));
  }
}
