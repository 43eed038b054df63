import { FormatError } from "./errors.ts";
import { keepSpelling } from "./json-text.ts";
import type { Json, JsonRecord } from "./json-value.ts";

export interface JsonOptions {
  /** Named in messages. */
  readonly file: string;
  /** Python's json writes NaN, Infinity and -Infinity; strict parsers refuse them. Default: refuse. */
  readonly allowNonFinite?: boolean;
  /** Nesting that is still followed. Default 64: config files of real models stay below 10. */
  readonly maxDepth?: number;
}

export function isJsonRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses JSON from an untrusted file.
 *
 * Unlike `JSON.parse` it refuses duplicate keys (two readers would disagree on which one counts), bounds the
 * depth, and says where it stopped.
 * @throws FormatError TENON_JSON_SYNTAX, TENON_JSON_DUPLICATE_KEY, TENON_JSON_TOO_DEEP
 */
export function parseJson(text: string, options: JsonOptions): Json {
  return new JsonReader(text, options).document();
}

/** Parses JSON and requires an object at the top. @throws FormatError TENON_JSON_NOT_AN_OBJECT too. */
export function parseJsonRecord(text: string, options: JsonOptions): JsonRecord {
  const value = parseJson(text, options);
  if (!isJsonRecord(value)) {
    throw new FormatError(
      "TENON_JSON_NOT_AN_OBJECT",
      `json: the top value is not an object (${options.file})`,
    );
  }
  return value;
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const word = /true|false|null|NaN|-?Infinity/y;

/** What a string cannot hold as it is. Compact JSON (the header of a safetensors file) often has none of it anywhere. */
const special = /[\\\u0000-\u001f]/;

// Code units, since comparing them costs a third of comparing one-character strings: a header may have 100 MB.
const [tab, lineFeed, carriageReturn, space, quote, comma, dot] = [0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x2e];
const backslash = 0x5c;
const [digit0, digit9, colon, capitalE, smallE] = [0x30, 0x39, 0x3a, 0x45, 0x65];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

class JsonReader {
  private at = 0;
  /** How the number just read is spelled, if String() might spell it in another way; else empty. */
  private spelled = "";
  private readonly text: string;
  private readonly options: JsonOptions;
  private readonly maxDepth: number;
  /** No string needs a closer look. */
  private readonly isPlain: boolean;

  constructor(text: string, options: JsonOptions) {
    this.text = text;
    this.options = options;
    this.maxDepth = options.maxDepth ?? 64;
    this.isPlain = !special.test(text);
  }

  document(): Json {
    const value = this.value(0);
    this.skip();
    if (this.at !== this.text.length) this.fail("has text after its end");
    return value;
  }

  private value(depth: number): Json {
    if (depth > this.maxDepth) {
      const message = `json: nests deeper than ${this.maxDepth} at character ${this.at} (${this.options.file})`;
      throw new FormatError("TENON_JSON_TOO_DEEP", message);
    }
    this.skip();
    const first = this.text.charCodeAt(this.at);
    if (first === openBrace) return this.record(depth);
    if (first === openBracket) return this.list(depth);
    if (first === quote) return this.string();
    if (first >= digit0 && first <= digit9) return this.count() ?? this.anyNumber();
    const literal = this.match(word);
    if (literal !== undefined) return this.literal(literal);
    if (Number.isNaN(first)) this.fail("ends early");
    return this.anyNumber();
  }

  /** A whole number that is exact in a double, which most numbers are; else nothing is consumed. */
  private count(): number | undefined {
    let at = this.at;
    let value = 0;
    let code = this.text.charCodeAt(at);
    while (code >= digit0 && code <= digit9) {
      value = value * 10 + (code - digit0);
      code = this.text.charCodeAt(++at);
    }
    const digits = at - this.at;
    const hasLeadingZero = digits > 1 && this.text.charCodeAt(this.at) === digit0;
    if (digits > 15 || hasLeadingZero || code === dot || code === smallE || code === capitalE)
      return undefined;
    this.at = at;
    return value;
  }

  private anyNumber(): number {
    const digits = this.match(number);
    if (digits === undefined) this.fail("has an unexpected character");
    this.spelled = digits;
    return Number(digits);
  }

  private keep(container: JsonRecord | Json[], key: string | number, value: Json): void {
    keepSpelling(container, key, value as number, this.spelled);
    this.spelled = "";
  }

  private literal(literal: string): Json {
    if (literal === "true" || literal === "false") return literal === "true";
    if (literal === "null") return null;
    if (!this.options.allowNonFinite) this.fail(`holds ${literal}, which is not JSON`);
    this.spelled = literal;
    return literal === "NaN"
      ? Number.NaN
      : literal === "Infinity"
        ? Number.POSITIVE_INFINITY
        : Number.NEGATIVE_INFINITY;
  }

  private record(depth: number): JsonRecord {
    const record = Object.create(null) as Record<string, Json>;
    this.at++;
    this.skip();
    if (this.take(closeBrace)) return record;
    for (;;) {
      this.skip();
      const key = this.string();
      if (key in record) {
        const message = `json: the key ${JSON.stringify(key)} appears twice in one object (${this.options.file})`;
        throw new FormatError("TENON_JSON_DUPLICATE_KEY", message, {
          details: { key, file: this.options.file },
        });
      }
      this.skip();
      if (!this.take(colon)) this.fail("lacks a colon");
      const value = this.value(depth + 1);
      record[key] = value;
      if (this.spelled !== "") this.keep(record, key, value);
      this.skip();
      if (this.take(closeBrace)) return record;
      if (!this.take(comma)) this.fail("lacks a comma or a closing brace");
    }
  }

  private list(depth: number): Json[] {
    const list: Json[] = [];
    this.at++;
    this.skip();
    if (this.take(closeBracket)) return list;
    for (;;) {
      const value = this.value(depth + 1);
      if (this.spelled !== "") this.keep(list, list.length, value);
      list.push(value);
      this.skip();
      if (this.take(closeBracket)) return list;
      if (!this.take(comma)) this.fail("lacks a comma or a closing bracket");
    }
  }

  private string(): string {
    const start = this.at;
    if (this.text.charCodeAt(start) !== quote) this.fail("lacks a string");
    let end = this.isPlain ? this.text.indexOf('"', start + 1) : start + 1;
    let hasEscapes = false;
    // By hand: a regular expression runs out of stack on a string of a million escapes.
    for (let code = this.text.charCodeAt(end); code !== quote; code = this.text.charCodeAt(++end)) {
      if (code === backslash) {
        hasEscapes = true;
        end++;
      } else if (!(code >= space)) this.fail("has a bad or unfinished string");
    }
    this.at = end + 1;
    if (!hasEscapes) return this.text.slice(start + 1, end);
    try {
      return JSON.parse(this.text.slice(start, end + 1)) as string;
    } catch {
      this.at = start;
      this.fail("has a bad escape in a string");
    }
  }

  private skip(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== space && code !== tab && code !== lineFeed && code !== carriageReturn) return;
      this.at++;
    }
  }

  private take(code: number): boolean {
    if (this.text.charCodeAt(this.at) !== code) return false;
    this.at++;
    return true;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private fail(what: string): never {
    throw new FormatError(
      "TENON_JSON_SYNTAX",
      `json: ${what} at character ${this.at} (${this.options.file})`,
      {
        details: { file: this.options.file, character: this.at },
      },
    );
  }
}
