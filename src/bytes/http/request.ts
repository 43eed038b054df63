import { ResourceError, throwIfAborted } from "../../core/index.ts";
import { retryAfterLimitMs } from "../limits.ts";
import type { HttpSettings } from "./options.ts";

/** A failure that another try may cure. */
export class Hiccup extends Error {
  /** What the server asked for by `Retry-After`. */
  readonly waitMs: number | undefined;

  constructor(
    message: string,
    extras: { readonly cause?: unknown; readonly waitMs?: number | undefined } = {},
  ) {
    super(message, { cause: extras.cause });
    this.waitMs = extras.waitMs;
  }
}

/** Statuses of a server that is busy or restarting. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface RangeRequest {
  readonly url: URL;
  /** Bytes from `begin` up to, not including, `end`. */
  readonly begin: number;
  readonly end: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Sends one request for a range and hands the answer to `use`, chunk by chunk. The connection is given up when `use`
 * ends before the body does, when the caller aborts, and when nothing arrives for `silenceMs`.
 * @throws Hiccup for what may pass, InterruptedError, and whatever `use` throws
 */
export async function requestRange<T>(
  request: RangeRequest,
  settings: HttpSettings,
  use: (response: Response, body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  throwIfAborted(request.signal);
  const control = new AbortController();
  const stop = (): void => control.abort();
  request.signal?.addEventListener("abort", stop);
  const watchdog = new Watchdog(settings.silenceMs, stop);
  try {
    const headers = { ...settings.headers, Range: `bytes=${request.begin}-${request.end - 1}` };
    const response = await settings.fetch(request.url, { headers, signal: control.signal });
    watchdog.reset();
    if (passing.has(response.status)) {
      throw new Hiccup(`the server answers ${response.status}`, { waitMs: retryAfterMs(response) });
    }
    return await use(response, chunks(response, watchdog));
  } catch (error) {
    throwIfAborted(request.signal);
    if (watchdog.hasBarked)
      throw new Hiccup(`nothing arrived for ${settings.silenceMs} ms`, { cause: error });
    throw isNetworkError(error)
      ? new Hiccup(`the connection broke${reasonOf(error)}`, { cause: error })
      : error;
  } finally {
    watchdog.end();
    request.signal?.removeEventListener("abort", stop);
    control.abort(); // without effect once the body has been read
  }
}

/** fetch reports every failure of the network as a TypeError; a body that is cut off as one, or by a system error. */
function isNetworkError(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && error.name === "AbortError");
}

/** What the system says of it, where the runtime tells: ` (ECONNREFUSED)`. */
function reasonOf(error: unknown): string {
  const { cause } = error as Error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? ` (${code})` : "";
}

async function* chunks(response: Response, watchdog: Watchdog): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    watchdog.reset();
    if (done) return;
    yield value;
  }
}

class Watchdog {
  hasBarked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #silenceMs: number;
  readonly #bark: () => void;

  constructor(silenceMs: number, bark: () => void) {
    this.#silenceMs = silenceMs;
    this.#bark = bark;
    this.reset();
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.hasBarked = true;
      this.#bark();
    }, this.#silenceMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return seconds >= 0 ? Math.min(seconds * 1000, retryAfterLimitMs) : undefined;
}

/**
 * Calls `attempt` until it succeeds or fails for good, waiting longer each time.
 * @throws ResourceError TENON_BYTES_READ after the last try
 */
export async function withRetries<T>(
  subject: { readonly path: string; readonly location: string },
  settings: HttpSettings,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Hiccup)) throw error;
      if (failures > settings.retries) {
        const message = `http: ${error.message}, ${failures} times in a row (${subject.location})`;
        throw new ResourceError("TENON_BYTES_READ", message, {
          cause: error.cause ?? error,
          details: { path: subject.path, tries: failures },
          hint: "Try again later, or download the file first.",
        });
      }
      await pause(error.waitMs ?? backoffMs(settings.retryDelayMs, failures), signal);
    }
  }
}

/** Doubles, and differs between clients by up to a half, so that they do not all come back at once. */
function backoffMs(firstMs: number, failures: number): number {
  return firstMs * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", settle);
      try {
        resolve(throwIfAborted(signal));
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(settle, ms);
    signal?.addEventListener("abort", settle);
  });
}
