import { httpRetries, httpRetryDelayMs, readAheadBytes, silenceMs } from "../limits.ts";
import { wellKnownNames } from "./well-known-names.ts";

export interface HttpOptions {
  /** Sent with every request: `Authorization`. Redirects to another host do not get that one. */
  readonly headers?: Readonly<Record<string, string>>;
  /** In the place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** A request is given up, and tried again, when nothing arrives for this long. */
  readonly silenceMs?: number;
  /** Further tries after the first. */
  readonly retries?: number;
  /** Before the second try; doubles each time. */
  readonly retryDelayMs?: number;
  /** Small reads are served from blocks of this size; also what the first request of a file asks for. */
  readonly readAheadBytes?: number;
  /** Names that `list` looks for below a directory URL. Default: {@link wellKnownNames}. */
  readonly names?: readonly string[];
}

export type HttpSettings = Required<HttpOptions>;

export function httpSettings(options: HttpOptions): HttpSettings {
  return {
    headers: options.headers ?? {},
    fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
    silenceMs: options.silenceMs ?? silenceMs,
    retries: options.retries ?? httpRetries,
    retryDelayMs: options.retryDelayMs ?? httpRetryDelayMs,
    readAheadBytes: options.readAheadBytes ?? readAheadBytes,
    names: options.names ?? wellKnownNames,
  };
}
