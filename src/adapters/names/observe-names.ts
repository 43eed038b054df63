import type { Observation } from "../../core/index.ts";
import { type AdapterObservationCode, observe } from "../observations.ts";
import type { Alignment } from "./align.ts";
import { foreignReasons } from "./foreign.ts";
import type { NameContext, ReadName } from "./reading.ts";

const adapterRoles: ReadonlySet<string> = new Set([
  "loraA", "loraB", "loraEmbeddingA", "loraEmbeddingB", "magnitude", "loraBias", "loraDiag", "loraExtra", "tokenDelta",
]); // biome-ignore format: one list

/** What a set of names shows by itself: D1–D10, D20 and D22 of docs/formats/peft.md. */
export function observeNames(
  read: readonly ReadName[],
  { kind }: NameContext,
  attributes: readonly { readonly path: string; readonly isKept: boolean }[],
  alignment: Alignment | undefined,
): Observation[] {
  const found: Observation[] = [];
  const isAdapterFile = kind === "adapter";
  const note = (code: AdapterObservationCode, test: (name: ReadName) => boolean): void => {
    const names = read.filter(test).map(({ stored }) => stored);
    if (names.length > 0) found.push(observe(code, names));
  };
  const isAdapterTensor = ({ meaning }: ReadName): boolean => adapterRoles.has(meaning.role);
  if (!isAdapterFile) note("TENON_NAMES_BASE_LAYER", ({ meaning }) => meaning.role === "baseLayer");
  if (isAdapterFile)
    note(
      "TENON_NAMES_ADAPTER_NAME_LEFT",
      (name) => isAdapterTensor(name) && name.meaning.adapter !== undefined,
    );
  note("TENON_NAMES_ADAPTER_NAME_DOUBLED", ({ structure }) => structure.note === "adapterDoubled");
  if (isAdapterFile)
    note("TENON_NAMES_PARAMETER_SPELLING", ({ structure }) => structure.note === "parameterSpelling");
  if (isAdapterFile)
    note(
      "TENON_NAMES_PREFIX_MISSING",
      (name) => isAdapterTensor(name) && !hasPeftPrefix(name) && !hasUnusualPrefix(name),
    );
  note("TENON_NAMES_PREFIX_UNUSUAL", hasUnusualPrefix);
  found.push(...observeWrappers(read), ...observeOutside(read, attributes));
  if (!isAdapterFile)
    note("TENON_NAMES_SAVED_MODULES", ({ meaning }) => /^(modulesToSave|originalModule)$/.test(meaning.role));
  if (isAdapterFile) note("TENON_NAMES_STRAY_BIAS", isStrayBias);
  note("TENON_NAMES_TOKEN_ADAPTER", ({ meaning }) => meaning.role === "tokenBase");
  note("TENON_NAMES_QUANTISED", ({ meaning }) => meaning.role === "quantState");
  found.push(...observeForeign(read));
  if (alignment !== undefined) found.push(...observeAlignment(read, alignment));
  return found;
}

/** Whether a name is a leftover that PEFT's `bias="all"` writes beside the real bias of a saved module. */
export function isStrayBias({ meaning }: Pick<ReadName, "meaning">): boolean {
  const isNameless = meaning.role === "modulesToSave" && meaning.adapter === undefined;
  return isNameless || meaning.role === "originalModule";
}

function hasPeftPrefix({ meaning }: ReadName): boolean {
  return meaning.wrappers.includes("base_model.model");
}

function hasUnusualPrefix({ meaning }: ReadName): boolean {
  const peft = meaning.wrappers.filter((wrapper) => wrapper === "base_model.model");
  return peft.length > 1 || meaning.wrappers.includes("base_model");
}

function observeWrappers(read: readonly ReadName[]): Observation[] {
  const names: string[] = [];
  const counts = new Map<string, number>();
  for (const { stored, meaning } of read) {
    const others = meaning.wrappers.filter(
      (wrapper) => wrapper !== "base_model.model" && wrapper !== "base_model",
    );
    if (others.length > 0) names.push(stored);
    for (const wrapper of new Set(others)) counts.set(wrapper, (counts.get(wrapper) ?? 0) + 1);
  }
  if (names.length === 0) return [];
  const wrappers = [...counts].map(([wrapper, count]) => ({ wrapper, count }));
  return [observe("TENON_NAMES_WRAPPER", names, { wrappers })];
}

function observeOutside(
  read: readonly ReadName[],
  attributes: readonly { readonly path: string; readonly isKept: boolean }[],
): Observation[] {
  if (attributes.length === 0) return [];
  const found: Observation[] = [];
  const paths = attributes.map(({ path }) => path);
  const kept = attributes.filter(({ isKept }) => isKept);
  const inside = read.filter(hasPeftPrefix).map(({ stored }) => stored);
  if (kept.length > 1) found.push(observe("TENON_NAMES_SEVERAL_MODELS", inside, { attributes: paths }));
  else if (kept.length === 1)
    found.push(observe("TENON_NAMES_PREFIX_UNUSUAL", inside, { attributes: paths }));
  const outside = read.filter((name) => !hasPeftPrefix(name)).map(({ stored }) => stored);
  if (kept.length === 0 && outside.length > 0)
    found.push(observe("TENON_NAMES_OUTSIDE_MODEL", outside, { attributes: paths }));
  return found;
}

function observeForeign(read: readonly ReadName[]): Observation[] {
  const families = new Map<string, string[]>();
  for (const { stored, structure } of read) {
    if (structure.family === undefined) continue;
    const names = families.get(structure.family);
    if (names === undefined) families.set(structure.family, [stored]);
    else names.push(stored);
  }
  return [...families].map(([family, names]) => {
    const reason = foreignReasons.get(family);
    return observe("TENON_NAMES_FOREIGN", names, { family, ...(reason !== undefined && { reason }) });
  });
}

function observeAlignment(read: readonly ReadName[], alignment: Alignment): Observation[] {
  const found: Observation[] = [];
  const storedOf = (wanted: (path: string) => boolean): string[] =>
    read.filter(({ path }) => wanted(path)).map(({ stored }) => stored);
  const ambiguous = new Set(alignment.ambiguous);
  const unknown = new Set(alignment.unknown);
  const moved = storedOf((path) => alignment.moved.has(path));
  if (moved.length > 0) found.push(observe("TENON_NAMES_MOVED", moved));
  // What stands behind PEFT's prefix is a whole name of the model, unless the prefix was cut short or cut in.
  const prefixed = new Set(read.filter(hasPeftPrefix).map(({ stored }) => stored));
  const cut = moved.filter((stored) => prefixed.has(stored));
  if (cut.length > 0) found.push(observe("TENON_NAMES_PREFIX_UNUSUAL", cut));
  const unsure = storedOf((path) => ambiguous.has(path));
  if (unsure.length > 0) found.push(observe("TENON_NAMES_AMBIGUOUS", unsure));
  const strangers = storedOf((path) => unknown.has(path));
  if (strangers.length > 0) found.push(observe("TENON_NAMES_NOT_IN_BASE", strangers));
  return found;
}
