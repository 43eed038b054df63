import { checkRange } from "../range.ts";
import type { ByteSource } from "../source.ts";
import {
  changed,
  contentRangeOf,
  type HttpSubject,
  httpError,
  rangesIgnored,
  refusedStatus,
  versionOf,
} from "./answer.ts";
import type { HttpSettings } from "./options.ts";
import type { Probe } from "./probe.ts";
import { Hiccup, requestRange, withRetries } from "./request.ts";

/** A file on a server: every read is a request for exactly its range, resumed where a connection broke. */
export class HttpFile implements ByteSource {
  readonly path: string;
  readonly location: string;
  readonly byteLength: number;
  readonly #url: URL;
  readonly #version: string | undefined;
  readonly #settings: HttpSettings;
  readonly #closed = new AbortController();

  constructor(url: URL, subject: HttpSubject, found: Probe, settings: HttpSettings) {
    this.path = subject.path;
    this.location = subject.location;
    this.byteLength = found.byteLength;
    this.#url = url;
    this.#version = found.version;
    this.#settings = settings;
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkRange(this, byteOffset, into.length);
    if (this.#closed.signal.aborted) throw new Error(`internal: read after close (${this.path})`);
    let done = 0;
    while (done < into.length) {
      await withRetries(this, this.#settings, signal, async () => {
        const request = { url: this.#url, begin: byteOffset + done, end: byteOffset + into.length, signal };
        await requestRange(request, this.#settings, async (response, body) => {
          const promised = this.#check(response, request.begin, request.end);
          for await (const part of body) {
            if (byteOffset + done + part.length > promised)
              throw new Hiccup("the answer is longer than it says");
            into.set(part, done);
            done += part.length;
          }
          if (byteOffset + done < promised) throw new Hiccup("the answer ends early");
        });
      });
    }
  }

  /** @returns the offset at which the answer will end; a server may send less than was asked for */
  #check(response: Response, begin: number, end: number): number {
    if (response.status === 416) throw changed("it is shorter now", this, response);
    if (response.status === 200) throw rangesIgnored(response, this);
    if (response.status !== 206) throw refusedStatus(response, this);
    const version = versionOf(response);
    if (version !== undefined && this.#version !== undefined && version !== this.#version) {
      throw changed("its ETag is another one", this, response);
    }
    const range = contentRangeOf(response, this);
    if (range.total !== this.byteLength) {
      throw changed(`it has ${range.total} bytes, it had ${this.byteLength}`, this, response);
    }
    if (range.begin === begin && range.end <= end) return range.end;
    const found = `bytes ${range.begin} to ${range.end} arrive, ${begin} to ${end} were asked for`;
    throw httpError("TENON_HTTP_BAD_RANGE", found, this, response);
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }
}
