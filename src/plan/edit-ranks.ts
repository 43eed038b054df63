import { canonicalName } from "../adapters/index.ts";
import type { Recipe, Role } from "../core/index.ts";
import type { CarriedAdapter } from "./carried.ts";
import type { EditChanges } from "./edit-input.ts";
import { noteFresh, resizeState } from "./edit-moments.ts";
import { refuseFixedRank } from "./edit-rank-kinds.ts";
import { adapterAbsent, adapterKind, contradiction, notTrainable } from "./edit-refusals.ts";
import { configWithRank } from "./edit-scaling.ts";
import { type EditState, isTrained } from "./edit-state.ts";
import type { Making } from "./made-tensor.ts";
import { newFactor } from "./new-factor.ts";

type Parameter = CarriedAdapter["parameters"][number];

/** One low-rank pair: A is (r, …), B is (…, r, …). */
interface Pair {
  readonly path: string;
  readonly a: Parameter;
  readonly b: Parameter;
  readonly loraRank: number;
}

const sides: Partial<Record<Role, "a" | "b">> = {
  loraA: "a",
  loraB: "b",
  loraEmbeddingA: "a",
  loraEmbeddingB: "b",
};

/**
 * Changes lora ranks. A higher one keeps what the adapter does to the bit: new columns of B are zero, new rows of A are seeded
 * (were both zero, neither would get a gradient), and alpha changes with the rank. A lower one cuts the last ranks off.
 * @throws UsageError TENON_ADAPTER_NOT_FOUND, TENON_EDIT_CONTRADICTION; UnsupportedError TENON_EDIT_ADAPTER_KIND, TENON_EDIT_NOT_TRAINABLE,
 *   TENON_EDIT_STATE_UNKNOWN; PlanError TENON_EDIT_RANK_SCALING
 */
export function changeRanks(
  state: EditState,
  { loraRanks = [], truncate = false }: Pick<EditChanges, "loraRanks" | "truncate">,
): void {
  for (const { adapter: name, loraRank } of loraRanks) {
    const adapter = state.adapters.get(name);
    if (adapter === undefined) throw adapterAbsent(name, [...state.adapters.keys()], state);
    if (state.loraRanks.some((done) => done.adapter === name))
      throw contradiction(`rank of adapter ${name}`, "asked for twice", state);
    if (!Number.isSafeInteger(loraRank) || loraRank < 1)
      throw adapterKind(name, `cannot have rank ${loraRank}: a whole number above 0 is needed`, state);
    const pairs = pairsOf(state, adapter);
    const modules = new Map(pairs.map((pair) => [pair.path, pair.loraRank]));
    const { config, alphas } = configWithRank(state, adapter, modules, loraRank);
    const resized = new Map<Parameter, Recipe>();
    const groups = new Set<number>();
    for (const pair of pairs.filter((each) => each.loraRank !== loraRank)) {
      const { a, b, path } = pair;
      const isCut = loraRank < pair.loraRank;
      if (isCut && !truncate)
        state.ranks.push({
          adapter: name,
          module: path,
          a: a.recipe.source,
          b: b.recipe.source,
          from: loraRank,
        });
      for (const [parameter, axis] of [
        [a, 0],
        [b, 1],
      ] as const) {
        resized.set(parameter, resize(state, name, parameter, axis, loraRank));
        const at = state.groupOf(canonicalName({ ...parameter.meaning, adapter: name }));
        if (!isCut && at >= 0) groups.add(at);
      }
    }
    const parameters = adapter.parameters.map((each) => ({
      ...each,
      recipe: resized.get(each) ?? each.recipe,
    }));
    state.adapters.set(name, { ...adapter, config, parameters });
    const before = [...new Set(modules.values())].sort((x, y) => x - y);
    const isTruncated = truncate && before.some((rank) => rank > loraRank);
    state.loraRanks.push({
      adapter: name,
      modules: pairs.length,
      before,
      after: loraRank,
      loraAlpha: alphas,
      isTruncated,
    });
    if (isTruncated)
      state.notes.push(
        `Ranks from ${loraRank} on of adapter ${name} are cut off: the model changes by what they held.`,
      );
    for (const at of groups) noteFresh(state, at, `New ranks of adapter ${name} (param group ${at})`);
  }
}

/** One tensor of a pair with another rank, and its state with it. */
function resize(
  state: EditState,
  adapter: string,
  { meaning, recipe }: Parameter,
  axis: 0 | 1,
  loraRank: number,
): Recipe {
  const name = canonicalName({ ...meaning, adapter });
  if (!isTrained(recipe.dtype)) throw notTrainable(name, recipe.dtype, state);
  const shape = recipe.shape.map((size, at) => (at === axis ? loraRank : size));
  const fill = newFactor(meaning.role, shape, { seed: state.seed, stream: name });
  const making: Making = { kind: "resized", source: recipe.source, axis, fill };
  const after = state.make(name, recipe.dtype, shape, making);
  resizeState(state, name, { before: recipe, after, axis, fill });
  return after;
}

function pairsOf(state: EditState, { name, config, parameters }: CarriedAdapter): Pair[] {
  refuseFixedRank(state, name, config);
  const found = new Map<string, { a?: Parameter; b?: Parameter }>();
  for (const parameter of parameters) {
    const { role, module, nesting } = parameter.meaning;
    if (role === "loraDiag" || role === "loraExtra" || (nesting > 0 && sides[role] !== undefined))
      throw adapterKind(name, `has ${role} at ${module}, whose rank is not changed`, state);
    const side = sides[role];
    if (side !== undefined) found.set(module, { ...found.get(module), [side]: parameter });
  }
  if (found.size === 0) throw adapterKind(name, "has no low-rank pair", state);
  return [...found].map(([path, { a, b }]) => {
    const loraRank = a?.recipe.shape[0];
    if (a === undefined || b === undefined || loraRank === undefined || b.recipe.shape[1] !== loraRank)
      throw adapterKind(name, `has no pair of one rank at ${path}`, state);
    return { path, a, b, loraRank };
  });
}
