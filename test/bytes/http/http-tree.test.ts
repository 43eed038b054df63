import { describe, expect, it } from "vitest";
import { type HttpOptions, httpTree } from "../../../src/bytes/index.ts";
import { sourceContract } from "../../contract/source.contract.ts";
import { type FileServer, type Quirk, rangeOf, sendRange, serve } from "./server.ts";

const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31 + (index >> 8)) % 256);
const files = new Map([["model.bin", bytes]]);
/** Short waits, so that the suite is fast; everything else as shipped. */
const quick: HttpOptions = { retryDelayMs: 1, silenceMs: 2000 };

let server: FileServer;
sourceContract({
  name: "a directory URL",
  async make(contents) {
    server = await serve(contents);
    return httpTree(`${server.url}/files/`, {
      ...quick,
      names: [...contents.keys()].filter((path) => !path.startsWith(".")),
    });
  },
  cleanUp: () => server[Symbol.asyncDispose](),
});

/** Reads a range of the file behind a quirk. */
async function readBehind(
  quirk: Quirk,
  options: HttpOptions & { readonly signal?: AbortSignal; readonly onOpen?: () => void } = {},
): Promise<{ readonly got: Uint8Array; readonly requests: readonly string[] }> {
  await using behind = await serve(files, quirk);
  const tree = httpTree(`${behind.url}/files/model.bin`, { ...quick, ...options });
  const source = await tree.open("model.bin");
  options.onOpen?.();
  const got = new Uint8Array(150_000);
  await source.read(100_000, got, options.signal);
  return { got, requests: behind.requests };
}
const wanted = bytes.subarray(100_000, 250_000);
const isSame = (got: Uint8Array): boolean => Buffer.compare(got, wanted) === 0;

describe("a file over http", () => {
  it("is a tree of its own, named by the last part of the URL, without the query", async () => {
    await using behind = await serve(new Map([["my model.bin", bytes]]));
    const tree = httpTree(`${behind.url}/files/my%20model.bin?signature=secret`, quick);
    expect(tree.isSingleFile).toBe(true);
    expect(await tree.list()).toEqual([{ path: "my model.bin", byteLength: 300_000 }]);
    const source = await tree.open("my model.bin");
    expect(source.location).toBe(`${behind.url}/files/my%20model.bin`);
    expect(behind.requests[0]).toContain("?signature=secret");
    expect(await tree.find("other.bin")).toBeUndefined();
  });

  it("costs one request to open, which brings the first 64 kB, and one for each range beyond", async () => {
    await using behind = await serve(files);
    const tree = httpTree(`${behind.url}/files/model.bin`, quick);
    expect(behind.requests).toEqual([]);
    const source = await tree.open("model.bin");
    for (let at = 0; at < 60_000; at += 1000) await source.read(at, new Uint8Array(1000));
    expect(behind.requests).toEqual(["GET /files/model.bin bytes=0-65535"]);
    await source.read(100_000, new Uint8Array(150_000));
    expect(behind.requests.slice(1)).toEqual(["GET /files/model.bin bytes=100000-249999"]);
  });

  it("is read in blocks from its end backwards", async () => {
    await using behind = await serve(files);
    const source = await httpTree(`${behind.url}/files/model.bin`, quick).open("model.bin");
    for (const at of [299_978, 299_000, 250_000, 299_990]) {
      const part = new Uint8Array(10);
      await source.read(at, part);
      expect(part).toEqual(bytes.subarray(at, at + 10));
    }
    expect(behind.requests.slice(1)).toEqual(["GET /files/model.bin bytes=234464-299999"]);
  });

  it("follows redirects", async () => {
    const { got, requests } = await readBehind((request, response) => {
      if (request.url?.startsWith("/files/") === false) {
        sendRange(request, response, bytes);
        return true;
      }
      response.writeHead(302, { location: "/elsewhere/model.bin" }).end();
      return true;
    });
    expect(isSame(got)).toBe(true);
    expect(requests).toContain("GET /elsewhere/model.bin bytes=100000-249999");
  });

  it("sends the given headers", async () => {
    const seen: unknown[] = [];
    const look: Quirk = (request) => {
      seen.push(request.headers.authorization);
      return false;
    };
    await readBehind(look, { headers: { Authorization: "Bearer t" } });
    expect(seen).toEqual(["Bearer t", "Bearer t"]);
  });

  it.each([503, 429, 500])("tries again after a %i", async (status) => {
    const { got } = await readBehind((_, response, count) => {
      if (count !== 0 && count !== 2) return false;
      response.writeHead(status, { "retry-after": "0" }).end();
      return true;
    });
    expect(isSame(got)).toBe(true);
  });

  it("resumes where a connection broke", async () => {
    const { got, requests } = await readBehind((request, response, count) => {
      if (count === 0 || count > 2) return false;
      const [begin, end] = rangeOf(request);
      response.writeHead(206, {
        "content-range": `bytes ${begin}-${end - 1}/300000`,
        "content-length": end - begin,
      });
      response.write(bytes.subarray(begin, begin + 50_000), () => setTimeout(() => response.destroy(), 20));
      return true;
    });
    expect(isSame(got)).toBe(true);
    expect(requests.at(-1)).toBe("GET /files/model.bin bytes=200000-249999");
  });

  it("goes on after a server that sends less than it was asked for", async () => {
    const { got, requests } = await readBehind((request, response, count) => {
      if (count === 0) return false;
      const [begin, end] = rangeOf(request);
      const stop = Math.min(end, begin + 20_000);
      response
        .writeHead(206, { "content-range": `bytes ${begin}-${stop - 1}/300000` })
        .end(bytes.subarray(begin, stop));
      return true;
    });
    expect(isSame(got)).toBe(true);
    expect(requests).toHaveLength(1 + 8);
  });

  it("gives up a server that breaks every connection, after five tries", async () => {
    let count = 0;
    const reading = readBehind((_, response) => {
      count++;
      response.destroy();
      return true;
    });
    await expect(reading).rejects.toMatchObject({
      name: "ResourceError",
      code: "TENON_BYTES_READ",
      details: { path: "model.bin", tries: 5 },
    });
    expect(count).toBe(5);
  });

  it("says what the system says of a server that is not there", async () => {
    const settings = { retries: 0, retryDelayMs: 1 };
    const gone = await serve(files);
    await gone[Symbol.asyncDispose]();
    await using tree = httpTree(`${gone.url}/files/model.bin`, settings);
    const reading = tree.list();
    await expect(reading).rejects.toMatchObject({
      code: "TENON_BYTES_READ",
      message: expect.stringContaining("the connection broke (ECONNREFUSED)"),
    });
  });

  it("gives up a server that falls silent in the middle, and tries again", async () => {
    const { got } = await readBehind(
      (request, response, count) => {
        if (count !== 1) return false;
        const [begin, end] = rangeOf(request);
        response.writeHead(206, { "content-range": `bytes ${begin}-${end - 1}/300000` });
        response.write(bytes.subarray(begin, begin + 10));
        return true;
      },
      { silenceMs: 150 },
    );
    expect(isSame(got)).toBe(true);
  });

  it("waits for a server that is slow but keeps sending", async () => {
    const { got, requests } = await readBehind(
      (request, response, count) => {
        if (count !== 1) return false;
        const [begin, end] = rangeOf(request);
        response.writeHead(206, { "content-range": `bytes ${begin}-${end - 1}/300000` });
        let at = begin;
        const timer = setInterval(() => {
          response.write(bytes.subarray(at, at + 15_000));
          at += 15_000;
          if (at < end) return;
          clearInterval(timer);
          response.end();
        }, 40);
        return true;
      },
      { silenceMs: 200 },
    );
    expect(isSame(got)).toBe(true);
    expect(requests).toHaveLength(2);
  });

  it("stops at once when the caller aborts, also while it waits to try again", async () => {
    const control = new AbortController();
    const reading = readBehind(
      (_, response, count) => {
        if (count === 0) return false;
        response.writeHead(503).end();
        return true;
      },
      { retryDelayMs: 60_000, signal: control.signal, onOpen: () => setTimeout(() => control.abort(), 50) },
    );
    await expect(reading).rejects.toMatchObject({ code: "TENON_INTERRUPTED" });
  });

  it("refuses a server that ignores ranges, before the body arrives", async () => {
    let sent = 0;
    const reading = readBehind((_, response) => {
      response.writeHead(200, { "content-length": 5_000_000_000 });
      const more = (): void => {
        sent++;
        if (!response.destroyed && sent < 100) response.write(new Uint8Array(1_000_000), more);
      };
      more();
      return true;
    });
    await expect(reading).rejects.toMatchObject({ name: "ResourceError", code: "TENON_HTTP_NO_RANGES" });
    expect(sent).toBeLessThan(100);
  });

  it("refuses one that also does not say how long the body is", async () => {
    const reading = readBehind((_, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write(new Uint8Array(1_000_000), more);
      };
      response.writeHead(200);
      more();
      return true;
    });
    await expect(reading).rejects.toMatchObject({ code: "TENON_HTTP_NO_RANGES" });
  });

  it("takes a small document whole from a server that ignores ranges", async () => {
    const { got, requests } = await readBehind((_, response) => {
      response.writeHead(200).end(bytes);
      return true;
    });
    expect(isSame(got)).toBe(true);
    expect(requests).toHaveLength(1);
  });

  it.each([
    ["another range", "bytes 0-149999/300000", "TENON_HTTP_BAD_RANGE"],
    ["a longer range", "bytes 100000-299999/300000", "TENON_HTTP_BAD_RANGE"],
    ["no range at all", undefined, "TENON_HTTP_BAD_RANGE"],
    ["nonsense", "bytes abc", "TENON_HTTP_BAD_RANGE"],
    ["a range past its own total", "bytes 100000-249999/200000", "TENON_HTTP_BAD_RANGE"],
    ["another total", "bytes 100000-249999/300001", "TENON_HTTP_CHANGED"],
  ])("refuses an answer with %s", async (_, contentRange, code) => {
    const reading = readBehind((__, response, count) => {
      if (count === 0) return false;
      response
        .writeHead(206, contentRange === undefined ? {} : { "content-range": contentRange })
        .end(wanted);
      return true;
    });
    await expect(reading).rejects.toMatchObject({ name: "ResourceError", code });
  });

  it("refuses a file that changes between two requests", async () => {
    const reading = readBehind((request, response, count) => {
      if (count === 0) return false;
      sendRange(request, response, bytes, { etag: '"v2"' });
      return true;
    });
    await expect(reading).rejects.toMatchObject({ code: "TENON_HTTP_CHANGED" });
  });

  it("takes a weak ETag for the strong one", async () => {
    const { got } = await readBehind((request, response) => {
      sendRange(request, response, bytes, { etag: Math.random() < 0.5 ? '"v1"' : 'W/"v1"' });
      return true;
    });
    expect(isSame(got)).toBe(true);
  });

  it("refuses a file that became shorter (416)", async () => {
    const reading = readBehind((_, response, count) => {
      if (count === 0) return false;
      response.writeHead(416, { "content-range": "bytes */10" }).end();
      return true;
    });
    await expect(reading).rejects.toMatchObject({ code: "TENON_HTTP_CHANGED" });
  });

  it("refuses a range that was compressed on the way", async () => {
    const reading = readBehind((request, response) => {
      sendRange(request, response, bytes, { "content-encoding": "gzip" });
      return true;
    });
    await expect(reading).rejects.toMatchObject({ code: "TENON_HTTP_ENCODED" });
  });

  it.each([
    [401, "TENON_HTTP_FORBIDDEN"],
    [403, "TENON_HTTP_FORBIDDEN"],
    [418, "TENON_BYTES_OPEN"],
  ])("names a refusal with %i", async (status, code) => {
    const reading = readBehind((_, response) => {
      response.writeHead(status).end();
      return true;
    });
    await expect(reading).rejects.toMatchObject({ code, details: { status } });
  });

  it("takes a web page in the place of a file for a missing file", async () => {
    const reading = readBehind((_, response) => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<!doctype html>");
      return true;
    });
    await expect(reading).rejects.toMatchObject({ name: "UsageError", code: "TENON_SOURCE_NOT_FOUND" });
  });

  it.each(["ftp://x/y", "file:///etc/passwd", "no url", "http://user:password@host/", "ftp://u:password@x/"])(
    "refuses the URL %s, without repeating a password",
    (url) => {
      let message = "";
      try {
        httpTree(url);
      } catch (error) {
        expect(error).toMatchObject({ name: "UsageError", code: "TENON_URL_BAD" });
        message = (error as Error).message;
      }
      expect(message).not.toBe("");
      expect(message).not.toContain("password@");
    },
  );
});

describe("a directory over http", () => {
  it("lists the well-known names that exist, each asked for once", async () => {
    await using behind = await serve(
      new Map([
        ["config.json", bytes.subarray(0, 50)],
        ["tokenizer.json", bytes],
        ["odd.json", bytes],
      ]),
    );
    const tree = httpTree(`${behind.url}/files/`, quick);
    expect(await tree.list()).toEqual([
      { path: "config.json", byteLength: 50 },
      { path: "tokenizer.json", byteLength: 300_000 },
    ]);
    await tree.open("config.json");
    expect(behind.requests.filter((request) => request.includes("config.json bytes"))).toHaveLength(
      new Set(behind.requests.filter((request) => request.includes("config.json bytes"))).size,
    );
  });

  it("lists what it may see where the server answers 403 for names that do not exist", async () => {
    await using behind = await serve(new Map([["config.json", bytes]]), (request, response) => {
      if (request.url === "/files/config.json") return false;
      response.writeHead(403).end();
      return true;
    });
    expect(await httpTree(`${behind.url}/files/`, quick).list()).toHaveLength(1);
  });

  it("says what is the matter when it may see nothing", async () => {
    await using behind = await serve(new Map(), (_, response) => {
      response.writeHead(403).end();
      return true;
    });
    const listing = httpTree(`${behind.url}/files/`, quick).list();
    await expect(listing).rejects.toMatchObject({ code: "TENON_HTTP_FORBIDDEN" });
  });

  it("says so when nothing with a known name is there", async () => {
    await using behind = await serve(new Map());
    const listing = httpTree(`${behind.url}/files/`, quick).list();
    await expect(listing).rejects.toMatchObject({ name: "UsageError", code: "TENON_SOURCE_NOT_FOUND" });
  });

  it("asks again after a failure", async () => {
    await using behind = await serve(files, (_, response, count) => {
      if (count > 0) return false;
      response.writeHead(403).end();
      return true;
    });
    const tree = httpTree(`${behind.url}/files/`, quick);
    await expect(tree.open("model.bin")).rejects.toMatchObject({ code: "TENON_HTTP_FORBIDDEN" });
    expect((await tree.open("model.bin")).byteLength).toBe(300_000);
  });
});
