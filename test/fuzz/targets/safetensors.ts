import { dtypes } from "../../../src/core/index.ts";
import { safetensors } from "../../../src/formats/index.ts";
import { edges } from "../mutate.ts";
import type { Random } from "../random.ts";
import { readSome, sourceFrom } from "../source.ts";
import type { FuzzTarget } from "../target.ts";

const utf8 = new TextEncoder();

/** A file with this header text; the length before it is right, so that what the header says gets looked at. */
function fileWith(header: string, dataBytes: number): Uint8Array {
  const text = utf8.encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function anyNumber(random: Random, likely: number): string {
  if (random.below(12) > 0) return String(likely);
  return random.pick([...edges.map(String), "-1", "1e3", "1.5", "-0", "null", '"1"', "[]", "1e400"]);
}

export const safetensorsTarget: FuzzTarget = {
  name: "safetensors-header",
  run: async (input) => readSome((await safetensors.open(sourceFrom(input))).tensors),
  seeds: () => [
    fileWith(
      '{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"U8","shape":[],"data_offsets":[16,17]}}',
      17,
    ),
    fileWith('{"__metadata__":{"format":"pt"}}   ', 0),
  ],
  generate: (random) => {
    let at = 0;
    const entries: string[] =
      random.below(3) === 0 ? ['"__metadata__":{"format":"pt","x":"\\ud83d\\ude00"}'] : [];
    for (let count = random.below(5); count > 0; count--) {
      const sizes = Array.from({ length: random.below(4) }, () => random.below(4));
      const dtype = random.pick([...dtypes.slice(0, 20), "F128", "f32"]);
      const length = sizes.reduce((product, size) => product * size, 1) * random.pick([1, 2, 4, 8]);
      const offsets = [anyNumber(random, at), anyNumber(random, at + length)];
      const shape = sizes.map((size) => anyNumber(random, size));
      const name = JSON.stringify(random.pick(["a", "b", "c", "__proto__", "é", ""]));
      entries.push(`${name}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${offsets}]}`);
      at += length;
    }
    return fileWith(
      `{${entries.join(random.pick([",", ",", ",", " , ", ",,"]))}}`,
      random.below(8) === 0 ? random.below(64) : at,
    );
  },
};
