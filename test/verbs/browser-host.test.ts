import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as onPage from "../../src/browser.ts";
import { type ByteSource, memorySink, memoryTree } from "../../src/bytes/index.ts";
import * as onNode from "../../src/index.ts";
import { browserHost, tenonOn } from "../../src/verbs/index.ts";
import { differences } from "./golden.ts";
import { fixture } from "./tenon.ts";

const host = browserHost();
const tenon = tenonOn(host);

/** The files of a directory, as `<input webkitdirectory>` gives them. */
function chosen(path: string): File[] {
  const directory = path.split("/").at(-1);
  return readdirSync(fixture(path)).map((name) => {
    const file = new File([readFileSync(fixture(`${path}/${name}`))], name);
    Object.defineProperty(file, "webkitRelativePath", { value: `${directory}/${name}` });
    return file;
  });
}

function fake(byteLength: number): ByteSource {
  const read = async (): Promise<void> => {};
  return { path: "model.safetensors", location: "fake", byteLength, read, close: read };
}

describe("the browser's entry", () => {
  it("has the public names of the one for Node", () => {
    expect(Object.keys(onPage).sort()).toEqual(Object.keys(onNode).sort());
  });

  it("differs from the one for Node in its host alone, types included", () => {
    const [page, node] = ["browser", "index"].map((name) =>
      readFileSync(`src/${name}.ts`, "utf8").split("const here = ").at(-1)?.replace(/^.*\n/, ""),
    );
    expect(page).toBe(node);
  });
});

describe("verbs on a page", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("merge files that were chosen, to the bytes that PEFT writes", async () => {
    const output = memorySink();
    await tenon.merge(chosen("base/llama-bf16"), {
      adapters: [chosen("merge/linear-bf16/adapter")],
      accumulate: "fma",
      output,
    });
    expect(await differences(output.files, fixture("merge/linear-bf16/expected"))).toEqual([]);
  });

  it("take any iterable of files, a FileList too", async () => {
    const inspection = await tenon.inspect(new Set(chosen("base/llama-bf16")));
    expect(inspection.layout).toBe("hf");
  });

  it("write sha256 digests into the manifest of a split", async () => {
    const output = memorySink();
    await tenon.split(chosen("hybrid/qv/state-dict-with-config"), { output });
    const manifest = new TextDecoder().decode(output.files.get("tenon.json"));
    const written = output.files.get("base/model.safetensors") ?? new Uint8Array();
    expect(manifest).toContain(createHash("sha256").update(written).digest("hex"));
  });

  it("refuse a path to read", async () => {
    await expect(tenon.open("some/where")).rejects.toMatchObject({
      code: "TENON_SOURCE_NOT_FOUND",
      details: { path: "some/where" },
    });
  });

  it("refuse a path to write", async () => {
    const writing = tenon.merge(chosen("base/llama-bf16"), {
      adapters: [chosen("merge/linear-bf16/adapter")],
      output: "some/where",
    });
    await expect(writing).rejects.toMatchObject({ code: "TENON_OUTPUT_NOT_A_SINK" });
  });

  it("digest a file as openssl does", async () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at % 251);
    const source = await memoryTree(new Map([["a", bytes]])).open("a");
    expect(await host.sha256(source)).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  it("refuse to digest a file that a page cannot hold twice", async () => {
    await expect(host.sha256(fake(2 ** 31))).rejects.toMatchObject({ code: "TENON_DIGEST_TOO_LARGE" });
  });

  it("refuse to digest where the browser has no WebCrypto", async () => {
    vi.stubGlobal("crypto", {});
    await expect(host.sha256(fake(3))).rejects.toMatchObject({ code: "TENON_DIGEST_UNAVAILABLE" });
  });
});
