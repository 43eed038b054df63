import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SinkTree } from "../../src/bytes/index.ts";

/** How a suite gets at an implementation of `SinkTree`. */
export interface SinkSubject {
  readonly name: string;
  make(): Promise<SinkTree>;
  /** What a reader sees at the target of the sink that was made last: path → bytes, or undefined for nothing. */
  written(): Promise<ReadonlyMap<string, Uint8Array> | undefined>;
  /** A local file to copy, if the sink may be able to. */
  readonly localFile?: { readonly path: string; readonly bytes: Uint8Array };
  /** Called after each test: removes everything. */
  cleanUp?(): PromiseLike<void>;
}

/** What every output tree promises. Run it for an implementation of your own. */
export function sinkContract({ name, make, written, localFile, cleanUp }: SinkSubject): void {
  const withSink = async (use: (sink: SinkTree) => Promise<void>): Promise<void> => {
    const sink = await make();
    try {
      await use(sink);
    } finally {
      await sink.abort();
      await cleanUp?.();
    }
  };

  describe(`${name}, as a sink`, () => {
    it("shows nothing before it is committed and everything after", () =>
      withSink(async (sink) => {
        const file = await sink.create("a/b.bin", 3);
        await file.write(0, Uint8Array.of(1, 2, 3));
        await file.close();
        expect(await written()).toBeUndefined();
        await sink.commit();
        expect(await written()).toEqual(new Map([["a/b.bin", Uint8Array.of(1, 2, 3)]]));
      }));

    it("reads a closed file again before the commit", () =>
      withSink(async (sink) => {
        const file = await sink.create("a/b.bin", 3);
        await file.write(0, Uint8Array.of(1, 2, 3));
        await file.close();
        const again = await sink.reopen("a/b.bin");
        const bytes = new Uint8Array(again.byteLength);
        await again.read(0, bytes);
        await again.close();
        expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
      }));

    it("takes the bytes of a file in any order, and has zeros where nothing was written", async () => {
      const property = fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5]), (parts) =>
        withSink(async (sink) => {
          const file = await sink.create("x", 60);
          for (const part of parts) await file.write(part * 10, new Uint8Array(10).fill(part + 1));
          await file.close();
          await sink.commit();
          const expected = Uint8Array.from({ length: 60 }, (_, at) => {
            const part = Math.floor(at / 10);
            return parts.includes(part) ? part + 1 : 0;
          });
          expect((await written())?.get("x")).toEqual(expected);
        }),
      );
      await fc.assert(property, { numRuns: 15 });
    });

    it("takes several files at once, the empty one included", () =>
      withSink(async (sink) => {
        const files = await Promise.all(["x", "y", "z"].map((path, index) => sink.create(path, index)));
        await Promise.all(files.map((file, index) => file.write(0, new Uint8Array(index).fill(7))));
        await Promise.all(files.map((file) => file.close()));
        await sink.commit();
        const expected = ["x", "y", "z"].map((path, index) => [path, new Uint8Array(index).fill(7)] as const);
        expect(await written()).toEqual(new Map(expected));
      }));

    it("leaves nothing when it is aborted, in the middle of a file too", () =>
      withSink(async (sink) => {
        const file = await sink.create("x", 10);
        await file.write(0, Uint8Array.of(1));
        await sink.abort();
        await sink.abort();
        expect(await written()).toBeUndefined();
      }));

    it("keeps what was committed when it is aborted afterwards", () =>
      withSink(async (sink) => {
        await (await sink.create("x", 1)).close();
        await sink.commit();
        await sink.abort();
        expect(await written()).toEqual(new Map([["x", Uint8Array.of(0)]]));
      }));

    it("refuses to write past the size that was announced, after close, and after the end", () =>
      withSink(async (sink) => {
        const file = await sink.create("x", 4);
        await expect(file.write(2, new Uint8Array(3))).rejects.toThrow(/internal: write past/);
        await expect(file.write(-1, new Uint8Array(1))).rejects.toThrow(/internal: write past/);
        await expect(sink.commit()).rejects.toThrow(/internal: commit before close/);
        await file.close();
        await file.close();
        await expect(file.write(0, new Uint8Array(1))).rejects.toThrow(/internal: write after close/);
        await sink.commit();
        await expect(sink.create("y", 1)).rejects.toThrow(/internal: the output is committed/);
        await expect(sink.commit()).rejects.toThrow(/internal: the output is committed/);
      }));

    it.each([
      ["the same name", "a.json", "a.json"],
      ["a name that differs in case", "Model.safetensors", "model.safetensors"],
      ["a name that differs in Unicode composition", "caf\u00e9", "cafe\u0301"],
      ["a directory that differs in case", "Adapter/a", "adapter/b"],
      ["a file where a directory is", "a/b", "a"],
      ["a directory where a file is", "a", "a/b"],
    ])("refuses %s", (_, first, second) =>
      withSink(async (sink) => {
        await (await sink.create(first, 0)).close();
        const refusal = { name: "PlanError", code: "TENON_OUTPUT_NAME_COLLISION" };
        await expect(sink.create(second, 0)).rejects.toMatchObject(refusal);
      }),
    );

    it.each(["../x", "/x", "a//b", "a\\b", "C:x", "x\n"])("refuses the path %j", (path) =>
      withSink(async (sink) => {
        const refusal = { name: "FormatError", code: "TENON_PATH_UNSAFE" };
        await expect(sink.create(path, 0)).rejects.toMatchObject(refusal);
      }),
    );

    it.runIf(localFile !== undefined)("copies a local file whole, or says that it cannot", () =>
      withSink(async (sink) => {
        const { path, bytes } = localFile as NonNullable<typeof localFile>;
        const isCopied = await sink.copyLocal("tokenizer.json", path);
        await sink.commit();
        expect(await written()).toEqual(isCopied ? new Map([["tokenizer.json", bytes]]) : new Map());
      }),
    );
  });
}
