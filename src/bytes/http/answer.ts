import { ResourceError } from "../../core/index.ts";

/** What an answer is about; `location` has no query, because signed URLs carry secrets there. */
export interface HttpSubject {
  readonly path: string;
  readonly location: string;
}

export interface ContentRange {
  readonly begin: number;
  /** Not included. */
  readonly end: number;
  readonly total: number;
}

/** @throws ResourceError TENON_HTTP_BAD_RANGE, TENON_HTTP_ENCODED */
export function contentRangeOf(response: Response, subject: HttpSubject): ContentRange {
  const encoding = response.headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") {
    throw httpError("TENON_HTTP_ENCODED", `the range is encoded (${encoding})`, subject, response);
  }
  const header = response.headers.get("content-range");
  const [, begin, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? "") ?? [];
  const range = { begin: Number(begin), end: Number(last) + 1, total: Number(total) };
  const isSound =
    Object.values(range).every(Number.isSafeInteger) && range.begin < range.end && range.end <= range.total;
  if (isSound) return range;
  throw httpError(
    "TENON_HTTP_BAD_RANGE",
    `the answer's Content-Range is ${header === null ? "missing" : JSON.stringify(header)}`,
    subject,
    response,
    "Download the file first. (In a page, the server must expose Content-Range to other origins.)",
  );
}

/** Total that a 416 answer gives (after `bytes *` and a slash), or undefined. */
export function unsatisfiedTotalOf(response: Response): number | undefined {
  const [, total] = /^bytes \*\/(\d+)$/.exec(response.headers.get("content-range") ?? "") ?? [];
  return total === undefined ? undefined : Number(total);
}

/** Identifies a version of the file, if the server says. Proxies weaken ETags on the way. */
export function versionOf(response: Response): string | undefined {
  return response.headers.get("etag")?.replace(/^W\//, "");
}

/** The error for a status that is neither success nor passing trouble. */
export function refusedStatus(response: Response, subject: HttpSubject): ResourceError {
  const isForbidden = response.status === 401 || response.status === 403;
  return httpError(
    isForbidden ? "TENON_HTTP_FORBIDDEN" : "TENON_BYTES_OPEN",
    `the server answers ${response.status}`,
    subject,
    response,
    isForbidden ? "Give an access token by the headers option." : undefined,
  );
}

export function rangesIgnored(response: Response, subject: HttpSubject): ResourceError {
  return httpError(
    "TENON_HTTP_NO_RANGES",
    "the server ignores ranges and would send the whole file",
    subject,
    response,
    "Download the file first.",
  );
}

export function changed(what: string, subject: HttpSubject, response: Response): ResourceError {
  return httpError(
    "TENON_HTTP_CHANGED",
    `the file changed while it was read: ${what}`,
    subject,
    response,
    "Start again.",
  );
}

export function httpError(
  code: string,
  found: string,
  subject: HttpSubject,
  response: Response,
  hint?: string,
): ResourceError {
  return new ResourceError(code, `http: ${found} (${subject.location})`, {
    details: { path: subject.path, location: subject.location, status: response.status },
    ...(hint === undefined ? {} : { hint }),
  });
}
