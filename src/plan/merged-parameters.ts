import type { Recipe, Step, Tensor, TensorMeta } from "../core/index.ts";

interface Parameter {
  tensor: Tensor;
  readonly steps: Step[];
  /** Label of the adapter that brought the tensor; undefined: the base's own. */
  replacedBy: string | undefined;
}

/** The base's parameters while adapters are laid over them. */
export class MergedParameters {
  /** Aliases that are still tied → the parameter that is stored. */
  readonly ties: Map<string, string>;
  readonly #parameters = new Map<string, Parameter>();

  constructor(tensors: ReadonlyMap<string, Tensor>, ties: ReadonlyMap<string, string>) {
    for (const [name, tensor] of tensors)
      this.#parameters.set(name, { tensor, steps: [], replacedBy: undefined });
    this.ties = new Map(ties);
  }

  /** The name that a parameter is stored under; undefined when the base does not have it. */
  storedName(name: string): string | undefined {
    if (this.#parameters.has(name)) return name;
    const owner = this.ties.get(name);
    return owner !== undefined && this.#parameters.has(owner) ? owner : undefined;
  }

  tensor(storedName: string): Tensor | undefined {
    return this.#parameters.get(storedName)?.tensor;
  }

  /** What stands here now, for the geometry of adapters. */
  tensors(): ReadonlyMap<string, TensorMeta> {
    return new Map([...this.#parameters].map(([name, { tensor }]) => [name, tensor]));
  }

  /** Who replaced a parameter or changed it before; undefined when nobody did. */
  touchedBy(storedName: string): string | undefined {
    const parameter = this.#parameters.get(storedName);
    return parameter?.replacedBy ?? parameter?.steps[0]?.adapter;
  }

  replace(storedName: string, tensor: Tensor, label: string): void {
    const parameter = this.#parameters.get(storedName);
    if (parameter === undefined) throw new Error(`internal: no parameter ${storedName}`);
    parameter.tensor = tensor;
    parameter.replacedBy = label;
  }

  append(storedName: string, steps: readonly Step[]): void {
    const parameter = this.#parameters.get(storedName);
    if (parameter === undefined) throw new Error(`internal: no parameter ${storedName}`);
    parameter.steps.push(...steps);
  }

  /** Gives an alias a tensor of its own: as the owner is now, right behind it. */
  untie(alias: string): void {
    const owner = this.ties.get(alias);
    const parameter = owner === undefined ? undefined : this.#parameters.get(owner);
    if (parameter === undefined) throw new Error(`internal: ${alias} is not tied`);
    this.ties.delete(alias);
    this.#parameters.set(alias, { ...parameter, steps: [...parameter.steps] });
  }

  recipes(): Map<string, Omit<Recipe, "dtype">> {
    return new Map(
      [...this.#parameters].map(([name, { tensor, steps }]) => [
        name,
        { source: tensor, shape: tensor.shape, steps },
      ]),
    );
  }
}
