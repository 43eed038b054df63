import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ByteSource, crc32, memoryTree } from "../../src/bytes/index.ts";
import { byteLengthOf, type DType, isTenonError, type Tensor } from "../../src/core/index.ts";
import type { FileLayout, Format } from "../../src/formats/index.ts";

/** How a suite gets at a format and at files of it. */
export interface FormatSubject {
  readonly format: Format;
  /** Name that files of the format end with, dot included. */
  readonly extension: string;
  /** Files of the format, for one that cannot write them itself. */
  readonly samples?: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Types that can be stored; only used with `canWrite`. */
  readonly dtypes?: readonly DType[];
  /** The format has no place for metadata, and keeps tensors in the order they are given. */
  readonly isBare?: true;
}

interface Sample {
  readonly entries: readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly shape: readonly number[];
  }[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly fill: number;
}

/** Opens bytes as a file of the given name. */
export function sourceOf(bytes: Uint8Array, path = "model.file"): Promise<ByteSource> {
  return memoryTree(new Map([[path, bytes]])).open(path);
}

export async function bytesOf(tensor: Tensor): Promise<Uint8Array> {
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return bytes;
}

/** Builds the file that a layout describes; `fill` gives the bytes of each tensor. */
export function assemble(
  layout: FileLayout,
  fill: (name: string, byteLength: number) => Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(layout.byteLength);
  for (const { byteOffset, bytes: fixed } of layout.fixed) bytes.set(fixed, byteOffset);
  const crcs = new Map<string, number>();
  for (const { name, byteOffset, byteLength } of layout.tensors) {
    const data = fill(name, byteLength);
    bytes.set(data, byteOffset);
    crcs.set(name, crc32(data));
  }
  for (const { byteOffset, bytes: sealed } of layout.seal?.(crcs) ?? []) bytes.set(sealed, byteOffset);
  return bytes;
}

const pattern = (name: string, length: number, fill: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 7 + name.length * 13 + fill) % 256);

/** Names as hostile as text gets, without half characters. */
const anyName = fc
  .string({ unit: "binary", minLength: 1, maxLength: 20 })
  .filter((name) => name !== "__metadata__");

/** What every file format promises. Run it for a format of your own. */
export function formatContract(subject: FormatSubject): void {
  const { format, extension } = subject;

  describe(`${format.name}, as a format`, () => {
    it("has a writer exactly when it says so", () => {
      expect(format.layOut !== undefined).toBe(format.canWrite);
    });

    it("claims its own files under any name, and not text, zeros or nothing", async () => {
      for (const { bytes } of samplesOf(subject)) {
        expect(format.sniff(bytes.subarray(0, 512), "data")).toBe(true);
      }
      for (const text of ["", "hello", '{"a": 1}', "\0".repeat(512), "\0".repeat(3), "\u00ff".repeat(512)]) {
        expect(format.sniff(Buffer.from(text, "latin1"), "data")).toBe(false);
      }
    });

    it("judges a head of any length and content without failing", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 512 }), fc.string(), (head, path) => {
          expect(typeof format.sniff(head, path)).toBe("boolean");
        }),
      );
    });

    it("gives tensors whose sizes fit their types, with ids of their own, readable in parts", async () => {
      for (const { bytes } of samplesOf(subject)) {
        const { tensors, format: name } = await format.open(await sourceOf(bytes, `a${extension}`));
        expect(name).toBe(format.name);
        expect(new Set(tensors.map(({ id }) => id)).size).toBe(tensors.length);
        for (const tensor of tensors) {
          expect(tensor.file).toBe(`a${extension}`);
          expect(tensor.byteLength).toBe(byteLengthOf(tensor.dtype, tensor.shape));
          const whole = await bytesOf(tensor);
          const middle = Math.floor(whole.length / 3);
          const part = new Uint8Array(whole.length - middle);
          await tensor.read(middle, part);
          expect(Buffer.compare(part, whole.subarray(middle))).toBe(0);
          await expect(tensor.read(1, new Uint8Array(whole.length))).rejects.toThrow();
        }
      }
    });

    it("answers a file that is cut off anywhere with an error of ours", async () => {
      const { bytes } = samplesOf(subject)[0] as { bytes: Uint8Array };
      const step = Math.max(1, Math.floor(bytes.length / 200));
      for (let length = 0; length < bytes.length; length += step) {
        const opening = sourceOf(bytes.slice(0, length)).then((source) => format.open(source));
        await expect(opening, `${length} bytes`).rejects.toSatisfy(isTenonError);
      }
    });

    it("answers a file with damaged bytes with tensors or an error of ours", async () => {
      const { bytes } = samplesOf(subject)[0] as { bytes: Uint8Array };
      const damage = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), {
        minLength: 1,
        maxLength: 4,
      });
      const property = fc.asyncProperty(damage, async (places) => {
        const damaged = bytes.slice();
        for (const [at, value] of places) damaged[at] = value;
        try {
          const { tensors } = await format.open(await sourceOf(damaged));
          for (const tensor of tensors) await bytesOf(tensor);
        } catch (error) {
          expect(error).toSatisfy(isTenonError);
        }
      });
      await fc.assert(property, { numRuns: 300 });
    });

    it.runIf(format.canWrite)("reads back exactly what it wrote", async () => {
      const layOut = format.layOut as NonNullable<Format["layOut"]>;
      const property = fc.asyncProperty(anySample(subject), async ({ entries, metadata, fill }) => {
        const layout = layOut(entries, metadata);
        const file = assemble(layout, (name, length) => pattern(name, length, fill));
        const opened = await format.open(await sourceOf(file));
        expect(opened.metadata).toEqual(metadata);
        expect(opened.tensors.map(({ name }) => name)).toEqual(layout.tensors.map(({ name }) => name));
        const byName = new Map(opened.tensors.map((tensor) => [tensor.name, tensor]));
        expect(byName.size).toBe(entries.length);
        for (const { name, dtype, shape } of entries) {
          const tensor = byName.get(name) as Tensor;
          expect({ dtype: tensor.dtype, shape: tensor.shape }).toEqual({ dtype, shape });
          expect(Buffer.compare(await bytesOf(tensor), pattern(name, tensor.byteLength, fill))).toBe(0);
        }
      });
      await fc.assert(property, { numRuns: 100 });
    });

    it.runIf(format.canWrite && !subject.isBare)(
      "lays out the same file whatever the order it is given the tensors in",
      () => {
        const layOut = format.layOut as NonNullable<Format["layOut"]>;
        const property = fc.property(anySample(subject), ({ entries, metadata }) => {
          expect(layOut(entries.toReversed(), metadata)).toEqual(layOut(entries, metadata));
        });
        fc.assert(property, { numRuns: 50 });
      },
    );

    it.runIf(format.canWrite)("lays out pieces that tile the file: no byte twice, none left over", () => {
      const layOut = format.layOut as NonNullable<Format["layOut"]>;
      const property = fc.property(anySample(subject), ({ entries, metadata }) => {
        const layout = layOut(entries, metadata);
        const sealed = layout.seal?.(new Map()) ?? [];
        const fixed = [...layout.fixed, ...sealed].map(
          ({ byteOffset, bytes }) => [byteOffset, bytes.length] as const,
        );
        const data = layout.tensors.map(({ byteOffset, byteLength }) => [byteOffset, byteLength] as const);
        let at = 0;
        for (const [byteOffset, byteLength] of [...fixed, ...data].sort(
          (a, b) => a[0] - b[0] || a[1] - b[1],
        )) {
          expect(byteOffset).toBe(at);
          at += byteLength;
        }
        expect(at).toBe(layout.byteLength);
      });
      fc.assert(property, { numRuns: 50 });
    });

    it.runIf(format.canWrite)("reads only the header of a file of a terabyte", async () => {
      const layOut = format.layOut as NonNullable<Format["layOut"]>;
      const [dtype = "F32"] = subject.dtypes ?? [];
      const huge = { name: "huge", dtype, shape: [1024, 1024, 1024, 512] };
      const layout = layOut([huge, { ...huge, name: "second" }], {});
      const { source, readBytes } = virtualSource(layout);
      const { tensors } = await format.open(source);
      expect(tensors.map(({ byteLength }) => byteLength)).toEqual(
        layout.tensors.map(({ byteLength }) => byteLength),
      );
      expect(readBytes()).toBeLessThan(1024 * 1024);
    });
  });
}

/** A file that exists only as its layout: zeros between the fixed parts. Counts what is read. */
function virtualSource(layout: FileLayout): { source: ByteSource; readBytes: () => number } {
  let count = 0;
  const pieces = [...layout.fixed, ...(layout.seal?.(new Map()) ?? [])];
  const source: ByteSource = {
    path: "huge",
    location: "virtual:huge",
    byteLength: layout.byteLength,
    async read(byteOffset, into) {
      count += into.length;
      into.fill(0);
      for (const { byteOffset: at, bytes } of pieces) {
        const begin = Math.max(at, byteOffset);
        const end = Math.min(at + bytes.length, byteOffset + into.length);
        if (begin < end) into.set(bytes.subarray(begin - at, end - at), begin - byteOffset);
      }
    },
    async close() {},
  };
  return { source, readBytes: () => count };
}

function anySample({ dtypes = ["F32"], isBare }: FormatSubject): fc.Arbitrary<Sample> {
  const text = fc.string({ unit: "binary" });
  // Eights make whole bytes of every element width.
  const entry = fc.record({
    name: anyName,
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }).map((sizes) => [...sizes, 8]),
  });
  return fc.record({
    entries: fc.uniqueArray(entry, { selector: ({ name }) => name, maxLength: 8 }),
    metadata: isBare ? fc.constant({}) : fc.dictionary(text, text, { maxKeys: 4 }),
    fill: fc.nat({ max: 255 }),
  });
}

function samplesOf({
  format,
  samples,
  dtypes = ["F32"],
  isBare,
}: FormatSubject): readonly { readonly bytes: Uint8Array }[] {
  const { layOut } = format;
  if (layOut === undefined) return samples ?? [];
  const entries = dtypes.map((dtype, index) => ({ name: `layers.${index}.weight`, dtype, shape: [2, 8] }));
  const layout = layOut(entries, isBare ? {} : { format: "pt" });
  const own = { bytes: assemble(layout, (name, length) => pattern(name, length, 1)) };
  return [own, ...(samples ?? [])];
}
