import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ByteSource, SourceTree } from "../../src/bytes/index.ts";

/** How a suite gets at an implementation of `SourceTree`. */
export interface SourceSubject {
  readonly name: string;
  /** Opens a tree that holds exactly these files. */
  make(files: ReadonlyMap<string, Uint8Array>): Promise<SourceTree>;
  /** Called after each test, once the tree is closed. */
  cleanUp?(): PromiseLike<void>;
}

const bytesOf = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 17 + (index >> 8)) % 256);

const files: ReadonlyMap<string, Uint8Array> = new Map([
  ["model.safetensors", bytesOf(200_000, 1)],
  ["config.json", bytesOf(700, 2)],
  ["merges.txt", bytesOf(0)],
  ["adapter/adapter model (1) 漢字.bin", bytesOf(70_000, 3)],
  ["adapter.json", bytesOf(3, 4)],
  [".metadata", bytesOf(10, 5)],
]);

/** What every tree of sources promises. Run it for an implementation of your own. */
export function sourceContract({ name, make, cleanUp }: SourceSubject): void {
  const withTree = async (use: (tree: SourceTree) => Promise<void>): Promise<void> => {
    const tree = await make(files);
    try {
      await use(tree);
    } finally {
      await tree.close();
      await cleanUp?.();
    }
  };
  const withFile = (path: string, use: (source: ByteSource) => Promise<void>): Promise<void> =>
    withTree(async (tree) => {
      const source = await tree.open(path);
      try {
        await use(source);
      } finally {
        await source.close();
      }
    });

  describe(`${name}, as a source`, () => {
    it("lists every file with its size, sorted by path, but not names that begin with a dot", () =>
      withTree(async (tree) => {
        expect(tree.isSingleFile).toBe(false);
        const listed = [...files.keys()].filter((path) => !path.startsWith(".")).sort();
        expect(await tree.list()).toEqual(
          listed.map((path) => ({ path, byteLength: files.get(path)?.length })),
        );
      }));

    it("finds what it lists, and nothing else", () =>
      withTree(async (tree) => {
        expect(await tree.find("adapter.json")).toEqual({ path: "adapter.json", byteLength: 3 });
        expect(await tree.find("adapter")).toBeUndefined();
        expect(await tree.find("nowhere.json")).toBeUndefined();
        expect(await tree.find("model.safetensors/x")).toBeUndefined();
      }));

    it("opens a file that begins with a dot by its name", () =>
      withFile(".metadata", async (source) => expect(source.byteLength).toBe(10)));

    it("gives every file a location of its own, and the path that it was opened by", () =>
      withTree(async (tree) => {
        const sources = await Promise.all([...files.keys()].map((path) => tree.open(path)));
        expect(sources.map(({ path }) => path)).toEqual([...files.keys()]);
        expect(new Set(sources.map(({ location }) => location)).size).toBe(files.size);
        for (const { location } of sources) expect(location.startsWith(tree.location)).toBe(true);
        await Promise.all(sources.map((source) => source.close()));
      }));

    it("reads any range of any file exactly, and touches no more of the buffer", async () => {
      await withTree(async (tree) => {
        const sources = new Map<string, ByteSource>();
        for (const path of files.keys()) sources.set(path, await tree.open(path));
        const range = fc
          .constantFrom(...files)
          .chain(([path, { length }]) =>
            fc.tuple(fc.constant(path), fc.nat({ max: length }), fc.nat({ max: length })),
          );
        const property = fc.asyncProperty(range, async ([path, from, to]) => {
          const [begin, end] = [Math.min(from, to), Math.max(from, to)];
          const room = new Uint8Array(end - begin + 2).fill(0xa5);
          await sources.get(path)?.read(begin, room.subarray(1, -1));
          expect(
            Buffer.compare(room.subarray(1, -1), (files.get(path) as Uint8Array).subarray(begin, end)),
          ).toBe(0);
          expect([room[0], room.at(-1)]).toEqual([0xa5, 0xa5]);
        });
        await fc.assert(property, { numRuns: 40 });
        await Promise.all([...sources.values()].map((source) => source.close()));
      });
    });

    it("serves reads at the same time", () =>
      withFile("model.safetensors", async (source) => {
        const parts = Array.from({ length: 20 }, () => new Uint8Array(10_000));
        await Promise.all(parts.map((part, index) => source.read(index * 10_000, part)));
        expect(Buffer.compare(Buffer.concat(parts), files.get("model.safetensors") as Uint8Array)).toBe(0);
      }));

    it("refuses a read past the end", () =>
      withFile("config.json", async (source) => {
        const refusal = { name: "FormatError", code: "TENON_BYTES_PAST_END" };
        await expect(source.read(699, new Uint8Array(2))).rejects.toMatchObject(refusal);
        await expect(source.read(10_000, new Uint8Array(1))).rejects.toMatchObject(refusal);
        await source.read(700, new Uint8Array(0));
      }));

    it("refuses a file that is not there", () =>
      withTree(async (tree) => {
        await expect(tree.open("nowhere.json")).rejects.toMatchObject({
          name: "ResourceError",
          code: "TENON_BYTES_OPEN",
        });
      }));

    it.each([
      "../model.safetensors",
      "/etc/passwd",
      "adapter/../config.json",
      "a\\b",
      "a\0b",
      "",
      "./config.json",
    ])("refuses the path %j", (path) =>
      withTree(async (tree) => {
        const refusal = { name: "FormatError", code: "TENON_PATH_UNSAFE" };
        await expect(tree.open(path)).rejects.toMatchObject(refusal);
        await expect(tree.find(path)).rejects.toMatchObject(refusal);
      }),
    );

    it("stops when the caller aborts", () =>
      withFile("model.safetensors", async (source) => {
        const into = new Uint8Array(150_000);
        await expect(source.read(0, into, AbortSignal.abort())).rejects.toMatchObject({
          code: "TENON_INTERRUPTED",
        });
      }));

    it("does not read after it is closed, and may be closed twice", () =>
      withTree(async (tree) => {
        const source = await tree.open("model.safetensors");
        await source.close();
        await source.close();
        await expect(source.read(0, new Uint8Array(4))).rejects.toThrow();
      }));
  });
}
