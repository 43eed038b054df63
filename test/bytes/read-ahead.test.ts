import fc from "fast-check";
import { expect, it } from "vitest";
import { type ByteSource, readAhead } from "../../src/bytes/index.ts";

const bytes = Uint8Array.from({ length: 5000 }, (_, index) => (index * 7) % 256);

/** Counts the reads that get through. */
function counted(): { readonly source: ByteSource; readonly reads: (readonly [number, number])[] } {
  const reads: (readonly [number, number])[] = [];
  const source: ByteSource = {
    path: "a",
    location: "test:a",
    byteLength: bytes.length,
    async read(byteOffset, into) {
      reads.push([byteOffset, into.length]);
      into.set(bytes.subarray(byteOffset, byteOffset + into.length));
    },
    async close() {},
  };
  return { source, reads };
}

it("gives the bytes of the source, whatever is read in which order", async () => {
  const range = fc.tuple(fc.nat({ max: 5000 }), fc.nat({ max: 700 }));
  const property = fc.asyncProperty(
    fc.array(range),
    fc.integer({ min: 1, max: 600 }),
    async (ranges, block) => {
      const ahead = readAhead(counted().source, block);
      for (const [begin, length] of ranges) {
        const end = Math.min(begin + length, 5000);
        const into = new Uint8Array(end - begin);
        await ahead.read(begin, into);
        expect(into).toEqual(bytes.subarray(begin, end));
      }
    },
  );
  await fc.assert(property);
});

it("turns many small reads into few large ones", async () => {
  const { source, reads } = counted();
  const ahead = readAhead(source, 1000);
  for (let at = 0; at < 5000; at += 10) await ahead.read(at, new Uint8Array(10));
  expect(reads).toEqual([0, 1000, 2000, 3000, 4000].map((at) => [at, 1000]));
});

it("lets a large read through as it is", async () => {
  const { source, reads } = counted();
  await readAhead(source, 1000).read(3, new Uint8Array(1000));
  expect(reads).toEqual([[3, 1000]]);
});

it("starts with the head that it is given", async () => {
  const { source, reads } = counted();
  await readAhead(source, 1000, bytes.subarray(0, 100)).read(90, new Uint8Array(10));
  expect(reads).toEqual([]);
});

it("refuses to read past the end", async () => {
  await expect(readAhead(counted().source, 10).read(4999, new Uint8Array(2))).rejects.toMatchObject({
    code: "TENON_BYTES_PAST_END",
  });
});
