// The optimizer's state of parameters that are new to it, or that changed their shape.
import { elementCount, type Recipe, sameShape } from "../core/index.ts";
import { masterState } from "./carry-masters.ts";
import { notTrainable, stateUnknown, stepsDiffer } from "./edit-refusals.ts";
import { type EditState, isTrained } from "./edit-state.ts";
import { type Fill, type Making, zeros } from "./made-tensor.ts";

/** State in the shape of its parameter that torch.optim starts at zero (2.13: Adam, AdamW, NAdam, Adamax, RMSprop, Adadelta, SGD). */
const moments: ReadonlySet<string> = new Set([
  "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer", "square_avg", "grad_avg", "acc_delta",
]); // biome-ignore format: a list

const fresh = "starts at a value that is not known here";

/**
 * Puts a parameter into a group with zero moments. Its step is that of the group, for engines such as DeepSpeed keep one step
 * for all; bias correction is then off for it, which {@link noteFresh} says.
 * @param parameter how its weight comes about
 * @param fill the values of a weight that is made, for its master to have the same
 * @throws PlanError TENON_EDIT_STEP_DIFFERS; UnsupportedError TENON_EDIT_STATE_UNKNOWN, TENON_EDIT_NOT_TRAINABLE
 */
export function train(
  state: EditState,
  { name, recipe, fill }: { readonly name: string; readonly recipe: Recipe; readonly fill?: Fill },
  paramGroup: number,
): void {
  if (!isTrained(recipe.dtype)) throw notTrainable(name, recipe.dtype, state);
  state.group(paramGroup, "--group");
  const template = templateOf(state, paramGroup);
  if (template !== undefined) {
    const made = new Map<string, Recipe>();
    for (const [key, model] of template.state) {
      if (key === "step" && elementCount(model.shape) === 1) made.set(key, model);
      else if (key === masterState) made.set(key, masterOf(state, name, recipe, fill));
      else if (moments.has(key)) {
        const isAsWeight = !template.state.has(masterState) && model.dtype === template.dtype;
        const dtype = isAsWeight ? recipe.dtype : model.dtype;
        made.set(key, state.make(`${name}/${key}`, dtype, recipe.shape, { kind: "filled", fill: zeros }));
      } else throw stateUnknown(name, key, fresh, state);
    }
    state.states.set(name, made);
  }
  state.join(name, paramGroup);
}

/** What state a parameter of a group has: that of a member, or where the group is empty of another parameter. */
function templateOf(
  state: EditState,
  paramGroup: number,
): { readonly state: ReadonlyMap<string, Recipe>; readonly dtype: string | undefined } | undefined {
  const members = state.groups?.[paramGroup]?.parameters ?? [];
  const own = members.filter((name) => (state.states.get(name)?.size ?? 0) > 0);
  const names = own.length > 0 ? own : [...state.states.keys()];
  const [first] = names;
  const found = first === undefined ? undefined : state.states.get(first);
  if (first === undefined || found === undefined) return undefined;
  const steps = state.stepsOf(names.flatMap((name) => state.states.get(name) ?? []));
  if (steps.length > 1) throw stepsDiffer(paramGroup, steps, state);
  return { state: found, dtype: state.parameters().get(first)?.dtype };
}

/** The weight in fp32: widened where it is stored, drawn again where it is new. */
function masterOf(state: EditState, name: string, recipe: Recipe, fill: Fill | undefined): Recipe {
  if (fill === undefined || recipe.dtype === "F32") return { ...recipe, dtype: "F32" };
  return state.make(`${name}/${masterState}`, "F32", recipe.shape, { kind: "filled", fill });
}

/**
 * The state of a parameter whose shape changed along one axis: moments of what is new are zero.
 * @throws UnsupportedError TENON_EDIT_STATE_UNKNOWN
 */
export function resizeState(
  state: EditState,
  name: string,
  change: {
    readonly before: Recipe;
    /** The weight with its new shape. */
    readonly after: Recipe;
    readonly axis: 0 | 1;
    readonly fill: Fill;
  },
): void {
  const own = state.states.get(name);
  if (own === undefined) return;
  for (const [key, recipe] of own) {
    const isMaster = key === masterState;
    if (!(isMaster || moments.has(key))) {
      if (elementCount(recipe.shape) === 1 && elementCount(change.before.shape) > 1) continue;
      throw stateUnknown(name, key, "cannot take another shape", state);
    }
    if (!sameShape(recipe.shape, change.before.shape))
      throw stateUnknown(
        name,
        key,
        `has the shape [${recipe.shape.join(", ")}], unlike its parameter`,
        state,
      );
    const { before, after, axis } = change;
    // Where the weight is its master, it stays so.
    if (isMaster && recipe.source.id === before.source.id) {
      own.set(key, after);
      continue;
    }
    const fill = isMaster ? change.fill : zeros;
    const making: Making = { kind: "resized", source: recipe.source, axis, fill };
    own.set(key, state.make(`${name}/${key}`, recipe.dtype, after.shape, making));
  }
}

/** How much faster than a new Adam's the first updates of moments are that start at zero in the middle of a run. */
export function noteFresh(state: EditState, paramGroup: number, what: string): void {
  const group = state.groups?.[paramGroup];
  const betas = group?.settings["betas"];
  const [step = 0] = state.stepsOf((group?.parameters ?? []).flatMap((name) => state.states.get(name) ?? []));
  if (step === 0 || !Array.isArray(betas)) return;
  const [one, two] = [Number(betas[0]), Number(betas[1])];
  const ratio = (1 - one) / Math.sqrt(1 - two);
  const early = Number.isFinite(ratio) ? ` (${ratio.toPrecision(2)} times with these betas)` : "";
  state.notes.push(
    `${what} start with zero moments at step ${step}: bias correction is off for them, so that their first updates are larger than those of a new optimizer${early}. A warm-up of the learning rate helps.`,
  );
}
