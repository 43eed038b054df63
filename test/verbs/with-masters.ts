// Directories of fixtures, opened as if an engine had trained them: 16-bit weights, and an optimizer with their fp32 masters.
import type { AdapterComponent, Checkpoint, OptimizerComponent, Tensor } from "../../src/core/index.ts";
import { type Layout, layouts } from "../../src/layouts/index.ts";

/** F32 values near those of a tensor and between those of BF16; or the same, rounded to BF16. */
class Shifted implements Tensor {
  readonly id: string;
  readonly name: string;
  readonly dtype: "F32" | "BF16";
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly file: string;
  readonly #source: Tensor;

  constructor(source: Tensor, dtype: "F32" | "BF16") {
    const count = source.shape.reduce((product, size) => product * size, 1);
    this.#source = source;
    this.id = `${source.id} as ${dtype}`;
    this.name = source.name;
    this.dtype = dtype;
    this.shape = source.shape;
    this.byteLength = count * (dtype === "F32" ? 4 : 2);
    this.file = source.file;
  }

  async read(byteOffset: number, into: Uint8Array): Promise<void> {
    const raw = new Uint8Array(this.#source.byteLength);
    await this.#source.read(0, raw);
    const stored =
      this.#source.dtype === "F32"
        ? new Float32Array(raw.buffer)
        : Float32Array.from(new Uint16Array(raw.buffer), (bits) => floatOf(bits * 65536));
    const values = stored.map((value, at) => value * (1 + (at % 7) / 2000));
    const bytes =
      this.dtype === "F32"
        ? values
        : Uint16Array.from(values, (value) => Math.floor(roundedBits(value) / 65536));
    into.set(new Uint8Array(bytes.buffer, byteOffset, into.length));
  }
}

function floatOf(bits: number): number {
  return new Float32Array(new Uint32Array([bits]).buffer)[0] as number;
}

/** To nearest, ties to even. */
function roundedBits(value: number): number {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0] as number;
  return bits + 0x7fff + (Math.floor(bits / 65536) % 2);
}

/** Changes what the optimizer is said to hold: parameter → its tensor in F32. */
export type Meddle = (masters: Map<string, Tensor>) => void;

/**
 * `masters`: every float tensor is its master. `trained`: every one is the master rounded, and the optimizer has the masters.
 */
export function openedAs(kind: "masters" | "trained", meddle: Meddle = () => {}): readonly Layout[] {
  return layouts.map((layout) => ({
    ...layout,
    open: async (tree, options) => {
      const opened = await layout.open(tree, options);
      const changed = withTensors(opened, kind === "masters" ? "F32" : "BF16");
      if (kind === "masters") return changed;
      const masters = mastersOf(withTensors(opened, "F32"));
      meddle(masters);
      const states = new Map([...masters].map(([name, tensor]) => [name, new Map([["fp32", tensor]])]));
      const optimizer: OptimizerComponent = { file: "optimizer", states, groups: [] };
      return { ...changed, optimizer };
    },
  }));
}

const isFloat = ({ dtype }: Tensor): boolean => dtype === "F32" || dtype === "BF16";

/** A copy of a checkpoint with every float tensor shifted; methods stay the opened one's. */
function withTensors(opened: Checkpoint, dtype: "F32" | "BF16"): Checkpoint {
  const made = new Map<string, Tensor>();
  const put = (tensor: Tensor): Tensor => {
    const shifted = made.get(tensor.id) ?? (isFloat(tensor) ? new Shifted(tensor, dtype) : tensor);
    made.set(tensor.id, shifted);
    return shifted;
  };
  const mapped = <K>(tensors: ReadonlyMap<K, Tensor>): Map<K, Tensor> =>
    new Map([...tensors].map(([key, tensor]) => [key, put(tensor)]));
  const entries = (list: Checkpoint["entries"]): Checkpoint["entries"] =>
    list.map((entry) => ({ ...entry, tensor: put(entry.tensor) }));
  const adapterOf = (adapter: AdapterComponent): AdapterComponent => ({
    ...adapter,
    modules: new Map(
      [...adapter.modules].map(([key, { path, nesting, ...slots }]) => [
        key,
        {
          path,
          nesting,
          ...Object.fromEntries(Object.entries(slots).map(([slot, each]) => [slot, put(each)])),
        },
      ]),
    ),
    replacements: adapter.replacements.map((each) => ({ ...each, tensor: put(each.tensor) })),
    tokenDeltas: mapped(adapter.tokenDeltas),
    entries: entries(adapter.entries),
  });
  const { location, layout, evidence, base, observations, files, companions } = opened;
  return {
    location,
    layout,
    evidence,
    observations,
    files,
    companions,
    ...(base && { base: { ...base, tensors: mapped(base.tensors) } }),
    adapters: new Map([...opened.adapters].map(([name, adapter]) => [name, adapterOf(adapter)])),
    entries: entries(opened.entries),
    readDocument: (path) => opened.readDocument(path),
    close: () => opened.close(),
    [Symbol.asyncDispose]: () => opened.close(),
  };
}

const tails = {
  loraA: "lora_A",
  loraB: "lora_B",
  loraEmbeddingA: "lora_embedding_A",
  loraEmbeddingB: "lora_embedding_B",
  magnitude: "lora_magnitude_vector",
  loraBias: "lora_B.bias",
  loraDiag: "lora_diag",
} as const;

/** Parameters by the names that GLOSSARY.md calls canonical, written out here. */
function mastersOf({ base, adapters }: Checkpoint): Map<string, Tensor> {
  const masters = new Map(base?.tensors);
  for (const { name, modules, replacements, tokenDeltas } of adapters.values()) {
    for (const [key, { path: _, nesting: __, ...slots }] of modules)
      for (const [slot, tensor] of Object.entries(slots))
        masters.set(`${name}:${key}.${tails[slot as keyof typeof tails]}`, tensor);
    for (const { kind, parameter, tensor } of replacements)
      masters.set(kind === "modulesToSave" ? `${name}:${parameter}` : parameter, tensor);
    for (const [path, tensor] of tokenDeltas) masters.set(`${name}:${path}.trainable_tokens_delta`, tensor);
  }
  for (const [name, tensor] of masters) if (!isFloat(tensor)) masters.delete(name);
  return masters;
}
