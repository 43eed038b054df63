import type { AdapterComponent, Step, TensorMeta } from "../core/index.ts";
import type { AdapterUse, UnusedTensor } from "./merge-input.ts";

/** Which stored tensors of an adapter took part. */
export class Usage {
  readonly scaling: Map<string, number> = new Map();
  readonly #used = new Set<string>();
  readonly #unused = new Map<string, string>();

  used(tensor: TensorMeta): void {
    this.#used.add(storedId(tensor));
  }

  unused(tensor: TensorMeta, reason: string): void {
    this.#unused.set(storedId(tensor), reason);
  }

  steps(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.kind === "addLowRank" || step.kind === "dora") {
        this.used(step.left.tensor);
        this.used(step.right.tensor);
        this.scaling.set(step.module, step.scaling);
        if (step.kind === "dora") this.used(step.magnitude);
      } else this.used(step.tensor);
    }
  }

  sortEntries({ entries }: AdapterComponent): Pick<AdapterUse, "used" | "unused" | "ignored"> {
    const used: string[] = [];
    const unused: UnusedTensor[] = [];
    const ignored: UnusedTensor[] = [];
    for (const { tensor, meaning } of entries) {
      const { name } = tensor;
      const id = storedId(tensor);
      const reason = this.#unused.get(id);
      if (this.#used.has(id)) used.push(name);
      else if (reason !== undefined) unused.push({ name, reason });
      else if (meaning.role === "loraExtra") ignored.push({ name, reason: "a buffer of training" });
      else if (meaning.role === "originalModule")
        ignored.push({ name, reason: "the frozen original of a saved module" });
      else if (meaning.role === "modulesToSave" && meaning.leaf === "bias")
        ignored.push({ name, reason: "a second copy that bias='all' left behind" });
      else unused.push({ name, reason: `nothing uses a tensor of role ${meaning.role}` });
    }
    return { used, unused, ignored };
  }
}

/** A step addresses a turned matrix as the file holds it. */
function storedId({ id, turned }: TensorMeta): string {
  return turned?.id ?? id;
}
