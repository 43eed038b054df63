import { canonicalName } from "../adapters/index.ts";
import {
  byteLengthOf,
  type DraftOptimizer,
  type DType,
  type JsonRecord,
  type Recipe,
  type Shape,
} from "../core/index.ts";
import { type CarriedAdapter, keep } from "./carried.ts";
import type { EditDifference, EditInput, MasterQuestion, RankQuestion } from "./edit-input.ts";
import { type EditPlace, groupUnknown, noOptimizer } from "./edit-refusals.ts";
import type { MadeTensor, Making } from "./made-tensor.ts";

export interface EditedGroup {
  parameters: string[];
  settings: JsonRecord;
}

type Changing<T> = T extends readonly (infer E)[] ? E[] : never;

/** A copy of what is carried, while changes are made to it one after another. */
export class EditState implements EditPlace {
  readonly location: string;
  readonly seed: number;
  readonly input: EditInput;
  readonly adapters: Map<string, CarriedAdapter>;
  /** Undefined where there is no optimizer. */
  readonly groups: EditedGroup[] | undefined;
  readonly states: Map<string, Map<string, Recipe>>;
  /** Param group → names that were put into it. */
  readonly arrived: Map<number, Set<string>> = new Map();
  /** Why the order of a group is not that of the model any more. */
  orderUnknown: string | undefined;
  readonly made: MadeTensor[] = [];
  readonly masters: MasterQuestion[] = [];
  readonly ranks: RankQuestion[] = [];
  readonly dropped: string[] = [];
  readonly frozen: string[] = [];
  readonly notes: string[] = [];
  readonly unfrozen: Changing<EditDifference["unfrozen"]> = [];
  readonly moved: Changing<EditDifference["moved"]> = [];
  readonly adaptersAdded: Changing<EditDifference["adaptersAdded"]> = [];
  readonly adaptersRemoved: string[] = [];
  readonly loraRanks: Changing<EditDifference["loraRanks"]> = [];

  constructor(input: EditInput, seed: number) {
    const { adapters, optimizer } = input.carried;
    this.input = input;
    this.location = input.location;
    this.seed = seed;
    this.adapters = new Map(adapters.map((adapter) => [adapter.name, adapter]));
    this.groups = optimizer?.groups.map(({ parameters, settings }) => ({
      parameters: [...parameters],
      settings,
    }));
    this.states = new Map([...(optimizer?.states ?? [])].map(([name, state]) => [name, new Map(state)]));
  }

  /** @throws PlanError TENON_EDIT_NO_OPTIMIZER; UsageError TENON_EDIT_GROUP_UNKNOWN */
  group(paramGroup: number, option: string): EditedGroup {
    const groups = this.groupsFor(option);
    const found = Number.isSafeInteger(paramGroup) ? groups[paramGroup] : undefined;
    if (found === undefined) throw groupUnknown(paramGroup, groups.length, this);
    return found;
  }

  /** @throws PlanError TENON_EDIT_NO_OPTIMIZER */
  groupsFor(option: string): EditedGroup[] {
    if (this.groups === undefined) throw noOptimizer(option, this);
    return this.groups;
  }

  /** Names that are trained: those of the groups, and those that have state without being in one. */
  trained(): string[] {
    return [
      ...new Set([...(this.groups ?? []).flatMap(({ parameters }) => parameters), ...this.states.keys()]),
    ];
  }

  /** Puts a parameter into a group, at its end. */
  join(name: string, paramGroup: number): void {
    this.groups?.[paramGroup]?.parameters.push(name);
    this.arrived.set(paramGroup, (this.arrived.get(paramGroup) ?? new Set()).add(name));
  }

  groupOf(name: string): number {
    return this.groups?.findIndex(({ parameters }) => parameters.includes(name)) ?? -1;
  }

  /** Every parameter of the model by canonical name, with its recipe. Base parameters of a base below come as they are there. */
  parameters(): Map<string, Recipe> {
    const found = new Map<string, Recipe>();
    for (const [name, tensor] of this.input.known) found.set(name, keep(tensor));
    for (const [name, tensor] of this.input.carried.base?.tensors ?? []) found.set(name, keep(tensor));
    for (const adapter of this.adapters.values())
      for (const { meaning, recipe } of adapter.parameters)
        found.set(canonicalName({ ...meaning, adapter: adapter.name }), recipe);
    return found;
  }

  /** Takes a parameter out of the optimizer. */
  untrain(name: string): ReadonlyMap<string, Recipe> | undefined {
    const state = this.states.get(name);
    for (const key of state?.keys() ?? []) this.dropped.push(`${name}/${key}`);
    this.states.delete(name);
    for (const group of this.groups ?? [])
      group.parameters = group.parameters.filter((parameter) => parameter !== name);
    return state;
  }

  /** A tensor that no source holds, and the recipe that it is taken with. */
  make(name: string, dtype: DType, shape: Shape, making: Making): Recipe {
    const tensor: MadeTensor = {
      id: `#edit ${name}`,
      name,
      dtype,
      shape,
      byteLength: byteLengthOf(dtype, shape),
      making,
    };
    this.made.push(tensor);
    return keep(tensor);
  }

  /** Steps of some states, each once, in ascending order. */
  stepsOf(states: Iterable<ReadonlyMap<string, Recipe>>): number[] {
    const found = new Set<number>();
    for (const state of states) {
      const step = state.get("step");
      const value = step && this.input.stepValues.get(step.source.id);
      if (value !== undefined) found.add(value);
    }
    return [...found].sort((a, b) => a - b);
  }

  optimizer(): DraftOptimizer | undefined {
    const { orderUnknown, states } = this;
    const { weightsLost = [], ...carried } = this.input.carried.optimizer ?? {};
    const lost = weightsLost.filter((name) => states.has(name));
    return (
      this.groups && {
        ...carried,
        states,
        groups: this.groups,
        ...(orderUnknown !== undefined && { orderUnknown }),
        ...(lost.length > 0 && { weightsLost: lost }),
      }
    );
  }
}

/** Whether a dtype is one that parameters are trained in. */
export function isTrained(dtype: DType): dtype is "BF16" | "F16" | "F32" {
  return dtype === "BF16" || dtype === "F16" || dtype === "F32";
}
