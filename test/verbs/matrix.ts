// What a conversion carries, found by doing it: which components of a source are in the output, bit for bit.
import { memoryTree } from "../../src/bytes/index.ts";
import { type Checkpoint, isTenonError, type Tensor } from "../../src/core/index.ts";
import type { ConvertOptions } from "../../src/verbs/index.ts";
import { bytesOf } from "../contract/format.contract.ts";
import { convertInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

/** One row of the matrix. */
export interface MatrixSource {
  /** Below the fixtures. */
  readonly path: string;
  readonly given?: Partial<ConvertOptions>;
}

/**
 * What `tenon convert` carries of a source into a layout: the letters of the components whose every tensor or document is
 * in the output with the same bits, W weights, O the optimizer's moments and steps, M fp32 masters, D documents. What the
 * target has no place for is dropped, as the refusal says. A refusal without such a way out gives its code.
 */
export async function cellOf({ path, given = {} }: MatrixSource, to: string): Promise<string> {
  const drop = [...(given.drop ?? [])];
  for (;;) {
    try {
      const { files } = await convertInMemory(fixture(path), to, { ...given, drop });
      await using before = await tenon.open(fixture(path), given);
      // What was written names its parameters.
      const { paramOrder: _, ...reading } = given;
      await using after = await tenon.open(memoryTree(files), reading);
      return (await carried(before, after)) || "nothing";
    } catch (error) {
      if (!isTenonError(error)) throw error;
      const asked = [...(error.hint ?? "").matchAll(/--drop (\S+)/g)].map(([, name = ""]) => name);
      const more = asked.filter((name) => !drop.includes(name));
      if (error.code !== "TENON_LAYOUT_CANNOT_HOLD" || more.length === 0) return error.code;
      drop.push(...more);
    }
  }
}

async function carried(before: Checkpoint, after: Checkpoint): Promise<string> {
  const isMaster = (name: string): boolean => name === "fp32";
  const isMoment = (name: string): boolean => !isMaster(name);
  const found = [
    (await areSame(weightsOf(before), weightsOf(after))) ? "W" : "",
    (await areSame(stateOf(before, isMoment), stateOf(after, isMoment))) ? "O" : "",
    (await areSame(stateOf(before, isMaster), stateOf(after, isMaster))) ? "M" : "",
    haveSameDocuments(before, after) ? "D" : "",
  ];
  return found.filter((letter) => letter !== "").join(" ");
}

function weightsOf({ base, adapters }: Checkpoint): Map<string, Tensor> {
  const found = new Map(base?.tensors);
  for (const { name, modules, replacements } of adapters.values()) {
    for (const { parameter, tensor } of replacements) found.set(parameter, tensor);
    for (const [module, { loraA, loraB }] of modules)
      for (const [role, tensor] of Object.entries({ loraA, loraB }))
        if (tensor !== undefined) found.set(`${name}:${module}.${role}`, tensor);
  }
  return found;
}

function stateOf({ optimizer }: Checkpoint, wanted: (name: string) => boolean): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const [parameter, own] of optimizer?.states ?? [])
    for (const [name, tensor] of own) if (wanted(name)) found.set(`${parameter}/${name}`, tensor);
  return found;
}

/** The folder of a DeepSpeed save, for which stage it lies there and in which order its keys stand are no content. */
function haveSameDocuments(before: Checkpoint, after: Checkpoint): boolean {
  const documents = [...(before.trainer?.documents ?? [])];
  const text = (document: object | undefined): string =>
    JSON.stringify(
      Object.entries({ ...document, tag: "", zero_stage: 0 }).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  return (
    documents.length > 0 &&
    documents.every(([name, document]) => text(after.trainer?.documents.get(name)) === text(document))
  );
}

/** Whether there are some, and each is in the other with the same bits. */
async function areSame(
  all: ReadonlyMap<string, Tensor>,
  found: ReadonlyMap<string, Tensor>,
): Promise<boolean> {
  for (const [name, tensor] of all) {
    const other = found.get(name);
    if (other === undefined || other.dtype !== tensor.dtype) return false;
    if (Buffer.compare(await bytesOf(tensor), await bytesOf(other)) !== 0) return false;
  }
  return all.size > 0;
}
