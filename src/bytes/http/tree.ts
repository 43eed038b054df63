import {
  type FileEntry,
  isTenonError,
  ResourceError,
  safeRelativePath,
  UsageError,
} from "../../core/index.ts";
import { probesAtOnce } from "../limits.ts";
import { byPath } from "../listed.ts";
import { readAhead } from "../read-ahead.ts";
import type { ByteSource, SourceTree } from "../source.ts";
import type { HttpSubject } from "./answer.ts";
import { HttpFile } from "./file.ts";
import { type HttpOptions, type HttpSettings, httpSettings } from "./options.ts";
import { type Probe, probe } from "./probe.ts";

/**
 * Files on a web server that answers range requests. A URL that ends with `/` is a directory: nothing can be listed there,
 * so `list` has those of `options.names` that exist, and any other file opens by its name. Any other URL is one file.
 *
 * Opening a file costs one request, which also brings its first 64 kB. Nothing is sent until then.
 * @throws UsageError TENON_URL_BAD
 */
export function httpTree(url: string | URL, options: HttpOptions = {}): SourceTree & AsyncDisposable {
  const base = parseUrl(url);
  return new HttpTree(base, httpSettings(options));
}

function parseUrl(url: string | URL): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined;
  if (parsed === undefined || !["http:", "https:"].includes(parsed.protocol)) {
    throw new UsageError(
      "TENON_URL_BAD",
      `not an http or https URL (${String(url).replace(/\/\/[^/]*@/, "//")})`,
    );
  }
  if (parsed.username === "" && parsed.password === "") return parsed;
  throw new UsageError("TENON_URL_BAD", `a URL with a user name or password in it (${parsed.host})`, {
    hint: "Give an Authorization header by the headers option.",
  });
}

class HttpTree implements SourceTree, AsyncDisposable {
  readonly location: string;
  readonly isSingleFile: boolean;
  readonly #base: URL;
  readonly #settings: HttpSettings;
  /** What is known already; the promise is shared by those who ask at the same time. */
  readonly #probes = new Map<string, Promise<Probe | undefined>>();

  constructor(base: URL, settings: HttpSettings) {
    this.#base = base;
    this.#settings = settings;
    this.isSingleFile = !base.pathname.endsWith("/");
    this.location = base.origin + base.pathname.replace(/\/$/, "");
  }

  async list(): Promise<readonly FileEntry[]> {
    const names = this.isSingleFile ? [this.#fileName()] : this.#settings.names;
    const files: FileEntry[] = [];
    let refusal: unknown;
    for (let at = 0; at < names.length; at += probesAtOnce) {
      const group = names.slice(at, at + probesAtOnce).map(async (name) => {
        try {
          const file = await this.find(name);
          if (file !== undefined) files.push(file);
        } catch (error) {
          // Object stores answer 403 for a name that does not exist to those who may not list.
          if (!isTenonError(error) || error.code !== "TENON_HTTP_FORBIDDEN") throw error;
          refusal = error;
        }
      });
      await Promise.all(group);
    }
    if (files.length > 0) return files.sort(byPath);
    throw refusal ?? this.#notFound();
  }

  #notFound(): UsageError {
    const message = `http: ${this.isSingleFile ? "no such file" : "no file with a known name is there"} (${this.location})`;
    return new UsageError("TENON_SOURCE_NOT_FOUND", message, {
      details: { location: this.location },
      ...(this.isSingleFile ? { hint: "End the URL with / if it is a directory." } : {}),
    });
  }

  async find(path: string): Promise<FileEntry | undefined> {
    const found = await this.#probe(path, undefined);
    return found === undefined ? undefined : { path, byteLength: found.byteLength };
  }

  async open(path: string, signal?: AbortSignal): Promise<ByteSource> {
    const found = await this.#probe(path, signal);
    const subject = this.#subject(path);
    if (found === undefined) {
      if (this.isSingleFile) throw this.#notFound();
      throw new ResourceError("TENON_BYTES_OPEN", `open: no such file (${subject.location})`, {
        details: { path },
      });
    }
    const file = new HttpFile(this.#urlOf(path), subject, found, this.#settings);
    return readAhead(file, this.#settings.readAheadBytes, found.head);
  }

  async #probe(path: string, signal: AbortSignal | undefined): Promise<Probe | undefined> {
    safeRelativePath(path, this.location);
    if (this.isSingleFile && path !== this.#fileName()) return undefined;
    const known = this.#probes.get(path);
    if (known !== undefined) return known;
    const asked = probe(this.#urlOf(path), this.#subject(path), this.#settings, signal);
    this.#probes.set(path, asked);
    try {
      return await asked;
    } catch (error) {
      this.#probes.delete(path);
      throw error;
    }
  }

  #fileName(): string {
    const segment = this.#base.pathname.split("/").at(-1) as string;
    const name = decodeSegment(segment);
    // A name that cannot be a file's (`a%2Fb`) stays as it is spelled in the URL.
    return /[/\\\u0000-\u001f\u007f]/.test(name) ? segment : name;
  }

  #urlOf(path: string): URL {
    if (this.isSingleFile) return this.#base;
    const url = new URL(this.#base);
    url.pathname += path.split("/").map(encodeURIComponent).join("/");
    return url;
  }

  #subject(path: string): HttpSubject {
    return { path, location: this.isSingleFile ? this.location : `${this.location}/${path}` };
  }

  async close(): Promise<void> {
    this.#probes.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
