import { wholeBodyLimit } from "../limits.ts";
import {
  contentRangeOf,
  type HttpSubject,
  httpError,
  rangesIgnored,
  refusedStatus,
  unsatisfiedTotalOf,
  versionOf,
} from "./answer.ts";
import type { HttpSettings } from "./options.ts";
import { Hiccup, requestRange, withRetries } from "./request.ts";

/** What the first request of a file tells. */
export interface Probe {
  readonly byteLength: number;
  readonly version: string | undefined;
  /** The first bytes; all of them, if the server sent the whole of a small file. */
  readonly head: Uint8Array;
}

/**
 * Asks for the head of a file. A server that ignores ranges may send all of a small document; a larger body is given up.
 * @returns undefined when there is no such file
 * @throws ResourceError TENON_HTTP_NO_RANGES, TENON_HTTP_FORBIDDEN, TENON_HTTP_…, TENON_BYTES_OPEN, TENON_BYTES_READ
 */
export function probe(
  url: URL,
  subject: HttpSubject,
  settings: HttpSettings,
  signal: AbortSignal | undefined,
): Promise<Probe | undefined> {
  const request = { url, begin: 0, end: settings.readAheadBytes, signal };
  return withRetries(subject, settings, signal, () =>
    requestRange(request, settings, async (response, body) => {
      if (response.status === 404 || response.status === 410) return undefined;
      if (isPage(response, subject.path)) return undefined;
      const version = versionOf(response);
      if (response.status === 206) {
        const { begin, end, total } = contentRangeOf(response, subject);
        if (begin !== 0 || end > request.end) throw wrongRange(response, subject);
        return { byteLength: total, version, head: await collect(body, end) };
      }
      if (response.status === 416 && unsatisfiedTotalOf(response) === 0) {
        return { byteLength: 0, version, head: new Uint8Array(0) };
      }
      if (response.status !== 200) throw refusedStatus(response, subject);
      const announced = Number(response.headers.get("content-length") ?? 0);
      const head = announced > wholeBodyLimit ? undefined : await collectAtMost(body, wholeBodyLimit);
      if (head === undefined) throw rangesIgnored(response, subject);
      return { byteLength: head.length, version, head };
    }),
  );
}

/** Servers of web applications answer any path with their start page. */
function isPage(response: Response, path: string): boolean {
  const type = response.headers.get("content-type") ?? "";
  return response.ok && type.startsWith("text/html") && !/\.html?$/.test(path);
}

function wrongRange(response: Response, subject: HttpSubject): Error {
  const range = JSON.stringify(response.headers.get("content-range"));
  return httpError(
    "TENON_HTTP_BAD_RANGE",
    `another range arrives than was asked for: ${range}`,
    subject,
    response,
  );
}

async function collect(body: AsyncIterable<Uint8Array>, byteLength: number): Promise<Uint8Array> {
  const bytes = await collectAtMost(body, byteLength);
  if (bytes === undefined || bytes.length < byteLength)
    throw new Hiccup("the answer has another length than it says");
  return bytes;
}

/** All of a body, or undefined as soon as it is longer than `limit`. */
async function collectAtMost(
  body: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > limit) return undefined;
    parts.push(part);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
