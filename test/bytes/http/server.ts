import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Deals with a request itself and returns true, or leaves it to the ordinary answer. `count`: requests before it. */
export type Quirk = (request: IncomingMessage, response: ServerResponse, count: number) => boolean;

export interface FileServer extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  /** `GET /config.json bytes=0-99`, in order. */
  readonly requests: readonly string[];
}

/** Serves files below `/files/` with ranges, as a static web server does, but for `quirk`. */
export async function serve(
  files: ReadonlyMap<string, Uint8Array>,
  quirk: Quirk = () => false,
): Promise<FileServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? "whole"}`);
    if (quirk(request, response, requests.length - 1)) return;
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname).replace(
      /^\/files\//,
      "",
    );
    const bytes = files.get(path);
    if (bytes === undefined) response.writeHead(404).end("no such file");
    else sendRange(request, response, bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** First byte and end of the range that a request asks for. */
export function rangeOf(request: IncomingMessage): readonly [number, number] {
  const [, begin, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  return [Number(begin), Number(last) + 1];
}

/** The ordinary answer to a range. */
export function sendRange(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): void {
  const [begin, asked] = rangeOf(request);
  if (Number.isNaN(begin)) {
    response.writeHead(200, { "content-length": bytes.length, ...headers }).end(bytes);
    return;
  }
  if (begin >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  const end = Math.min(asked, bytes.length);
  const contentRange = `bytes ${begin}-${end - 1}/${bytes.length}`;
  response
    .writeHead(206, {
      "content-range": contentRange,
      "content-length": end - begin,
      etag: '"v1"',
      ...headers,
    })
    .end(bytes.subarray(begin, end));
}
