import { openTorch, tensorsIn, verifyChecksums } from "../../../src/formats/index.ts";
import { archiveMembers, legacy, type Member, zip } from "../../formats/torch/archive.ts";
import { type Code, list, none, record, str } from "../../pickle/assemble.ts";
import { edges, mutate } from "../mutate.ts";
import { anyInt, anyTensor, anyValue, storages } from "../pickle-input.ts";
import { Random } from "../random.ts";
import { readSome, sourceFrom } from "../source.ts";
import type { FuzzTarget } from "../target.ts";

const open = async (input: Uint8Array): Promise<void> => {
  const source = sourceFrom(input);
  // Every other input with a listener, as `inspect` opens files: damage is stepped over.
  const report = (): void => {};
  const { object, tensors } = await openTorch(source, input.length % 2 === 0 ? { report } : {});
  await readSome(tensors);
  await readSome(tensorsIn(object, { file: "fuzz", report }).map(([, tensor]) => tensor));
  if (input.length % 8 === 0) await verifyChecksums(source);
};

/** Tensors on both storages: a legacy file must use each one that it has. */
const object = (random: Random, idLength: 5 | 6): Code =>
  record({
    w: anyTensor(random, idLength, storages[0]),
    state_dict: record({ a: anyTensor(random, idLength, storages[1]), b: anyTensor(random, idLength) }),
    x: random.below(2) === 0 ? none : anyValue(random),
  });

/** Eight elements, mostly. */
const bytesFor = (elementBytes: number, random: Random): Uint8Array =>
  new Uint8Array(elementBytes * (random.below(24) === 0 ? random.below(20) : 8));

function archiveFrom(random: Random): Member[] {
  const filled = storages.map(({ key, elementBytes }) => [key, bytesFor(elementBytes, random)]);
  const byteOrder = random.pick(["little", "little", "little", "little", "big", "middle"]);
  const content = { folder: "m", object: object(random, 5), storages: Object.fromEntries(filled), byteOrder };
  return archiveMembers(content);
}

/** A directory that lies in one field. */
function lie(members: readonly Member[], random: Random): Member[] {
  const edge = (): number => Number(random.pick(edges) % 2n ** 32n);
  const lies: (() => Partial<Member>)[] = [
    () => ({ byteLength: edge() }), () => ({ storedLength: edge() }), () => ({ headerOffset: edge() }),
    () => ({ flags: random.below(65_536) }), () => ({ method: random.below(16) }), () => ({ crc: edge() }),
    () => ({ localName: "m/x" }), () => ({ isZip64: true }), () => ({ isPlain: true }), () => ({ name: "m/../x" }),
  ]; // biome-ignore format: a list
  const at = random.below(members.length);
  return members.map((member, index) => (index === at ? { ...member, ...random.pick(lies)() } : member));
}

export const torchZipTarget: FuzzTarget = {
  name: "torch-zip",
  run: open,
  seeds: () => [1, 2, 3].map((seed) => zip(archiveFrom(new Random(seed)))),
  generate: (random) => {
    const members = archiveFrom(random);
    const pickle = members[0] as Member;
    switch (random.below(4)) {
      case 0:
        return zip(lie(members, random));
      case 1: {
        // Damage inside data.pkl with a CRC that fits it.
        const bytes = mutate(pickle.bytes, pickle.bytes, random);
        return zip([{ ...pickle, bytes }, ...members.slice(1)]);
      }
      case 2: {
        const edge = (): number => Number(random.pick(edges));
        const options = random.pick([
          { entryCount: edge() },
          { directoryBytes: edge() },
          { directoryOffset: edge() },
          { end64Offset: edge() },
          { hasEnd64: false },
          { comment: "PK\u0005\u0006" },
        ]);
        return zip(members, options);
      }
      default:
        return zip(members);
    }
  },
};

function legacyFrom(random: Random): Uint8Array {
  const filled = storages.map(({ key, elementBytes }) => ({
    key,
    bytes: bytesFor(elementBytes, random),
    elementBytes: random.below(24) === 0 ? 1 : elementBytes,
  }));
  const changes: (() => object)[] = [
    () => ({ keys: list(str("0"), anyValue(random)) }),
    () => ({ system: anyValue(random) }),
    () => ({ protocol: random.below(2000) }),
    () => ({ object: anyInt(random) }),
  ];
  const change = random.below(4) === 0 ? random.pick(changes)() : {};
  return legacy({ object: object(random, 6), storages: filled, ...change });
}

export const torchLegacyTarget: FuzzTarget = {
  name: "torch-legacy",
  run: open,
  seeds: () => [1, 2, 3].map((seed) => legacyFrom(new Random(seed))),
  generate: legacyFrom,
};
