// What tenon writes as torch.save does, it reads again: names, dtypes, shapes and bytes.

import { crc32 } from "node:zlib";
import { byteLengthOf, type DType } from "../../../src/core/index.ts";
import { openTorch, torch } from "../../../src/formats/index.ts";
import type { Random } from "../random.ts";
import { sourceFrom } from "../source.ts";
import type { FuzzTarget } from "../target.ts";

const dtypes: readonly DType[] = [
  "F32",
  "BF16",
  "F16",
  "I64",
  "I32",
  "U8",
  "BOOL",
  "F64",
  "F8_E4M3",
  "U16",
  "F4",
  "C64",
];

interface Spec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Specs one after another: a byte for the dtype, one for the axes, the sizes, the length of the name, the name. */
function specsIn(input: Uint8Array): Spec[] {
  const specs: Spec[] = [];
  for (let at = 0; at < input.length && specs.length < 32; ) {
    const byte = (): number => input[at++] ?? 0;
    const dtype = dtypes[byte() % dtypes.length] as DType;
    const shape = Array.from({ length: byte() % 4 }, () => byte() % 9);
    const length = byte() % 24;
    const name = new TextDecoder().decode(input.subarray(at, at + length));
    at += length;
    specs.push({ name, dtype, shape });
  }
  return specs;
}

async function run(input: Uint8Array): Promise<void> {
  const specs = specsIn(input);
  const layout = torch.layOut?.(specs, {});
  if (layout === undefined) throw new Error("torch files are not written");
  const file = new Uint8Array(layout.byteLength);
  const put = ({ byteOffset, bytes }: { byteOffset: number; bytes: Uint8Array }): void =>
    file.set(bytes, byteOffset);
  layout.fixed.forEach(put);
  const crcs = new Map<string, number>();
  const written = new Map<string, Uint8Array>();
  for (const [at, { name, byteOffset, byteLength }] of layout.tensors.entries()) {
    const bytes = Uint8Array.from({ length: byteLength }, (_, index) => (index * 7 + at) & 1);
    put({ byteOffset, bytes });
    crcs.set(name, crc32(bytes));
    written.set(name, bytes);
  }
  layout.seal?.(crcs).forEach(put);
  const { tensors } = await openTorch(sourceFrom(file));
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  if (found.size !== specs.length)
    throw new RangeError(`${found.size} of ${specs.length} tensors were read again`);
  for (const { name, dtype, shape } of specs) {
    const tensor = found.get(name);
    const isLike = tensor?.dtype === dtype && tensor.shape.join() === shape.join();
    if (tensor === undefined || !isLike) throw new RangeError(`${name} is not what was written`);
    const bytes = new Uint8Array(byteLengthOf(dtype, shape));
    await tensor.read(0, bytes);
    if (Buffer.compare(bytes, written.get(name) ?? new Uint8Array()) !== 0)
      throw new RangeError(`${name} has other bytes`);
  }
}

function specBytes(random: Random): number[] {
  const shape = Array.from({ length: random.below(4) }, () => random.below(9));
  const name = `w${random.below(1000)}.${random.pick(["weight", "ü", "a b", "__proto__", "0"])}`;
  const letters = [...new TextEncoder().encode(name)];
  const dtype = random.below(12) === 0 ? random.below(dtypes.length) : random.below(8);
  return [dtype, shape.length, ...shape, letters.length, ...letters];
}

export const torchWriterTarget: FuzzTarget = {
  name: "torch-writer",
  run,
  seeds: () => [Uint8Array.of(0, 2, 3, 4, 1, 119), Uint8Array.of(1, 0, 1, 97, 3, 1, 5, 1, 98)],
  generate: (random) =>
    Uint8Array.from(Array.from({ length: 1 + random.below(6) }, () => specBytes(random)).flat()),
};
