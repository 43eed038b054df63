import { unpickle } from "../../../src/pickle/index.ts";
import { pickle, record } from "../../pickle/assemble.ts";
import { anyTensor, anyValue } from "../pickle-input.ts";
import { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";

/** Every opcode that is executed, to be thrown in. */
const opcodes = [
  0x80, 0x95, 0x28, 0x4e, 0x88, 0x4a, 0x4b, 0x8a, 0x8b, 0x47, 0x55, 0x58, 0x8c, 0x8d, 0x42, 0x43, 0x8e, 0x96, 0x29, 0x74,
  0x85, 0x86, 0x87, 0x5d, 0x61, 0x65, 0x7d, 0x73, 0x75, 0x8f, 0x90, 0x91, 0x71, 0x72, 0x94, 0x68, 0x6a, 0x63, 0x93, 0x52,
  0x81, 0x92, 0x62, 0x51, 0x2e,
]; // biome-ignore format: a list

export const pickleTarget: FuzzTarget = {
  name: "pickle",
  run: (input) =>
    unpickle(input, { file: "fuzz", ...(input.length % 2 === 0 ? { persistentLoad: (id) => id } : {}) }),
  seeds: () =>
    [1, 2, 3].map((seed) =>
      pickle(record({ w: anyValue(new Random(seed)), t: anyTensor(new Random(seed), 5) })),
    ),
  generate: (random) => {
    const code = [...anyValue(random)];
    for (let count = random.below(4); count > 0; count--)
      code.splice(
        random.below(code.length + 1),
        0,
        random.pick(opcodes),
        ...(random.below(2) === 0 ? [random.below(4)] : []),
      );
    return pickle(code, 2 + random.below(4));
  },
};
