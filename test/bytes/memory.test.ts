import { describe, expect, it } from "vitest";
import { blobTree, memorySink, memoryTree, readDocument, type SinkTree } from "../../src/bytes/index.ts";
import { sinkContract } from "../contract/sink.contract.ts";
import { sourceContract } from "../contract/source.contract.ts";

sourceContract({ name: "a tree in memory", make: async (files) => memoryTree(files) });

sourceContract({
  name: "a tree of blobs",
  make: async (files) =>
    blobTree([...files].map(([path, bytes]) => ({ path, blob: new Blob([bytes.slice()]) }))),
});

let last: ReturnType<typeof memorySink>;
sinkContract({
  name: "memory",
  async make(): Promise<SinkTree> {
    last = memorySink();
    return last;
  },
  written: async () => (last.files.size === 0 ? undefined : last.files),
});

describe("a tree in memory", () => {
  it("takes text as UTF-8, and names itself differently each time", async () => {
    const [a, b] = [memoryTree(new Map([["a", "漢"]])), memoryTree(new Map())];
    expect(await a.list()).toEqual([{ path: "a", byteLength: 3 }]);
    expect(a.location).not.toBe(b.location);
    expect(memoryTree(new Map(), { location: "here" }).location).toBe("here");
  });

  it("refuses a path that leaves it", () => {
    expect(() => memoryTree(new Map([["../a", "x"]]))).toThrow(/unsafe path/);
  });
});

/** A File as `<input webkitdirectory>` gives it; Node has no way to set the path. */
function chosen(path: string, text: string): File {
  const file = new File([text], path.split("/").at(-1) as string);
  Object.defineProperty(file, "webkitRelativePath", { value: path });
  return file;
}

describe("dropped files", () => {
  it("lose the directory that the browser puts before every path", async () => {
    const tree = blobTree([chosen("lora/config.json", "{}"), chosen("lora/sub/a.bin", "abc")]);
    expect((await tree.list()).map(({ path }) => path)).toEqual(["config.json", "sub/a.bin"]);
    expect(tree.isSingleFile).toBe(false);
  });

  it("are a single-file tree when it is one file", async () => {
    const tree = blobTree([new File(["abc"], "model.safetensors")]);
    expect(tree.isSingleFile).toBe(true);
    const source = await tree.open("model.safetensors");
    const into = new Uint8Array(2);
    await source.read(1, into);
    expect(into).toEqual(Uint8Array.of(98, 99));
  });

  it("keep the paths that a caller gave", async () => {
    const tree = blobTree([{ path: "a/b", blob: new Blob(["x"]) }]);
    expect(await tree.list()).toEqual([{ path: "a/b", byteLength: 1 }]);
  });

  it("are refused when two have one name", () => {
    const files = [new File(["a"], "x.bin"), new File(["b"], "x.bin")];
    expect(() => blobTree(files)).toThrow(expect.objectContaining({ code: "TENON_SOURCE_NAME_TWICE" }));
  });

  it("say that they cannot be read any more", async () => {
    const blob = new Blob(["abc"]);
    const broken: Blob = Object.assign(Object.create(blob) as Blob, {
      slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) }),
    });
    Object.defineProperty(broken, "size", { value: 3 });
    const source = await blobTree([{ path: "a", blob: broken }]).open("a");
    await expect(source.read(0, new Uint8Array(1))).rejects.toMatchObject({
      name: "ResourceError",
      code: "TENON_BYTES_READ",
    });
  });
});

describe("a document", () => {
  const tree = memoryTree(new Map([["config.json", "{}"]]));

  it("is read whole", async () => {
    expect(await readDocument(tree, "config.json")).toEqual(Uint8Array.of(123, 125));
  });

  it("is refused when it is too large for one", async () => {
    await expect(readDocument(tree, "config.json", 1)).rejects.toMatchObject({
      name: "FormatError",
      code: "TENON_DOCUMENT_TOO_LARGE",
    });
  });
});
