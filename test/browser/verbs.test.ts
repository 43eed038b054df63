import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type * as Browser from "../../src/browser.ts";
import { memorySink } from "../../src/bytes/index.ts";
import { type Quirk, sendRange, serve } from "../bytes/http/server.ts";
import { differences } from "../verbs/golden.ts";
import { fixture, tenon } from "../verbs/tenon.ts";
import { type Harness, openHarness, type PageGlobals } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
  // Functions that run on the page are sent as text, so what they share lives there.
  await harness.page.evaluate(async () => {
    const { load } = globalThis as unknown as PageGlobals;
    Object.assign(globalThis, { tenon: await load("tenon/browser") });
  });
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

type Globals = PageGlobals & { readonly tenon: typeof Browser };

const dropped = (path: string): { name: string; bytes: Uint8Array } => ({
  name: path.split("/").at(-1) as string,
  bytes: readFileSync(fixture(path)),
});

describe("inspect of a dropped file", () => {
  const inspectDropped = (): Promise<Browser.Inspection> =>
    harness.page.evaluate(async () => {
      const { tenon, dropped } = globalThis as unknown as Globals;
      return tenon.inspect(dropped[0] as File);
    });

  it.each([
    ["an adapter in safetensors", "merge/linear-bf16/adapter/adapter_model.safetensors"],
    ["a state dict of torch.save", "hybrid/qv/state-dict-pt/model.pt"],
    ["a legacy file of torch.save", "hybrid/qv/state-dict-legacy/model.pt"],
  ])("says what Node says: %s", async (_, path) => {
    await harness.drop([dropped(path)]);
    const { location: here, ...onPage } = await inspectDropped();
    const file = new File([readFileSync(fixture(path))], dropped(path).name);
    const { location: there, ...onNode } = await tenon.inspect(file);
    expect(onPage).toEqual(JSON.parse(JSON.stringify(onNode)));
    expect(onPage.adapters[0]?.modules).toBeGreaterThan(0);
    expect([here, there]).toEqual([expect.stringMatching(/^dropped/), expect.stringMatching(/^dropped/)]);
  });

  it("fails for a damaged file with the code that Node gives", async () => {
    const { name, bytes } = dropped("base/llama-small-bf16/model.safetensors");
    await harness.drop([{ name, bytes: bytes.subarray(0, bytes.length - 1) }]);
    const problem = await harness.page.evaluate(async () => {
      const { tenon, dropped } = globalThis as unknown as Globals;
      try {
        return await tenon.inspect(dropped[0] as File);
      } catch (error) {
        if (!tenon.isTenonError(error)) throw error;
        const { name, code, exitCode } = error;
        return { name, code, exitCode };
      }
    });
    expect(problem).toEqual({ name: "FormatError", code: "TENON_SAFETENSORS_TRUNCATED", exitCode: 3 });
  });
});

describe("a chosen directory", () => {
  beforeAll(async () => {
    await harness.choose("base", "base/llama-bf16");
    await harness.choose("adapter", "merge/linear-bf16/adapter");
  });

  it("is inspected as the directory that it is", async () => {
    const { layout, base, companions } = await harness.page.evaluate(() => {
      const { tenon, chosen } = globalThis as unknown as Globals;
      return tenon.inspect(chosen("base"));
    });
    expect({ layout, shards: base?.shards, companions }).toEqual({
      layout: "hf",
      shards: 3,
      companions: ["generation_config.json"],
    });
  });

  it("is merged to the bytes that PEFT writes, and to every file that Node writes", async () => {
    const written = await harness.page.evaluate(async () => {
      const { tenon, chosen } = globalThis as unknown as Globals;
      const output = tenon.memorySink();
      await tenon.merge(chosen("base"), { adapters: [chosen("adapter")], accumulate: "fma", output });
      // A page may not return bytes to Playwright.
      return [...output.files].map(([path, bytes]) => [path, [...bytes]] as const);
    });
    const files = new Map(written.map(([path, bytes]) => [path, Uint8Array.from(bytes)]));
    expect(await differences(files, fixture("merge/linear-bf16/expected"))).toEqual([]);
    const onNode = memorySink();
    await tenon.merge(fixture("base/llama-bf16"), {
      adapters: [fixture("merge/linear-bf16/adapter")],
      accumulate: "fma",
      output: onNode,
    });
    expect([...files.keys()].sort()).toEqual([...onNode.files.keys()].sort());
    // The certificate names where the sources were, which differs.
    for (const [path, bytes] of onNode.files)
      if (path !== "certificate.json")
        expect(Buffer.from(bytes).equals(files.get(path) as Uint8Array), path).toBe(true);
    const certificate = JSON.parse(new TextDecoder().decode(files.get("certificate.json")));
    expect(certificate.tensors).toEqual(
      JSON.parse(new TextDecoder().decode(onNode.files.get("certificate.json"))).tensors,
    );
  });

  it("is split into a checkpoint whose manifest WebCrypto digested, which verify accepts", async () => {
    await harness.choose("base", "hybrid/qv/state-dict-with-config");
    const { layout, failures } = await harness.page.evaluate(async () => {
      const { tenon, chosen } = globalThis as unknown as Globals;
      const output = tenon.memorySink();
      await tenon.split(chosen("base"), { output });
      return tenon.verify(tenon.memoryTree(output.files));
    });
    expect({ layout, failures }).toEqual({ layout: "tenon", failures: [] });
  });
});

describe("a URL", () => {
  const openOnPage = (url: string): Promise<string[] | { code: unknown; hint: unknown }> =>
    harness.page.evaluate(async (url) => {
      const { tenon } = globalThis as unknown as Globals;
      try {
        const checkpoint = await tenon.open(url);
        await checkpoint.close();
        return [...(checkpoint.base?.tensors.keys() ?? [])];
      } catch (error) {
        if (!tenon.isTenonError(error)) throw error;
        return { code: error.code, hint: error.hint };
      }
    }, url);

  async function expectAll(found: unknown): Promise<void> {
    await using onNode = await tenon.open(fixture("base/llama-bf16"));
    expect(found).toEqual([...(onNode.base?.tensors.keys() ?? [])]);
  }

  it("is opened by ranges of its headers", async () => {
    const before = harness.requests.length;
    await expectAll(await openOnPage(`${harness.url}/test/fixtures/base/llama-bf16/`));
    const requests = harness.requests.slice(before).filter((request) => request.includes(".safetensors "));
    expect(requests.length).toBeGreaterThan(0);
    expect(requests.filter((request) => request.endsWith(" whole"))).toEqual([]);
  });

  const directory = fixture("base/llama-bf16");
  const files = new Map(
    readdirSync(directory).map((name) => [name, new Uint8Array(readFileSync(`${directory}/${name}`))]),
  );
  /** As another origin must answer: a page may see these headers only if the server says so. */
  const crossOrigin = (exposed: string): Quirk => {
    const cors = { "access-control-allow-origin": "*", "access-control-expose-headers": exposed };
    return (request, response) => {
      const bytes = files.get((request.url ?? "").replace("/files/", ""));
      if (request.method === "OPTIONS")
        response.writeHead(204, { ...cors, "access-control-allow-headers": "range" }).end();
      else if (bytes === undefined) response.writeHead(404, cors).end();
      else sendRange(request, response, bytes, cors);
      return true;
    };
  };

  it("of another origin opens where its server shows the headers of ranges", async () => {
    await using server = await serve(files, crossOrigin("content-range, content-length, etag"));
    await expectAll(await openOnPage(`${server.url}/files/`));
  });

  it("of another origin fails with a code where it does not", async () => {
    await using server = await serve(files, crossOrigin("etag"));
    expect(await openOnPage(`${server.url}/files/`)).toMatchObject({ code: "TENON_HTTP_BAD_RANGE" });
  });

  it("where nothing is fails with its code", async () => {
    expect(await openOnPage(`${harness.url}/test/fixtures/base/no-such-model/`)).toMatchObject({
      code: "TENON_SOURCE_NOT_FOUND",
    });
  });
});
