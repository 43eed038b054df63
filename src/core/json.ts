import { FormatError } from "./errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonRecord;
/** A JSON object. Parsed records have a null prototype, so `__proto__` is an ordinary key. */
export interface JsonRecord {
  readonly [key: string]: Json;
}

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

const whitespace = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const plainString = /"[^"\\\u0000-\u001f]*"/y;
const anyString = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const word = /true|false|null|NaN|-?Infinity/y;

class JsonReader {
  private at = 0;
  private readonly text: string;
  private readonly options: JsonOptions;
  private readonly maxDepth: number;

  constructor(text: string, options: JsonOptions) {
    this.text = text;
    this.options = options;
    this.maxDepth = options.maxDepth ?? 64;
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
    const first = this.text[this.at];
    if (first === "{") return this.record(depth);
    if (first === "[") return this.list(depth);
    if (first === '"') return this.string();
    const literal = this.match(word);
    if (literal !== undefined) return this.literal(literal);
    const digits = this.match(number);
    if (digits === undefined) this.fail(first === undefined ? "ends early" : "has an unexpected character");
    return Number(digits);
  }

  private literal(literal: string): Json {
    if (literal === "true" || literal === "false") return literal === "true";
    if (literal === "null") return null;
    if (!this.options.allowNonFinite) this.fail(`holds ${literal}, which is not JSON`);
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
    if (this.take("}")) return record;
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
      if (!this.take(":")) this.fail("lacks a colon");
      record[key] = this.value(depth + 1);
      this.skip();
      if (this.take("}")) return record;
      if (!this.take(",")) this.fail("lacks a comma or a closing brace");
    }
  }

  private list(depth: number): Json[] {
    const list: Json[] = [];
    this.at++;
    this.skip();
    if (this.take("]")) return list;
    for (;;) {
      list.push(this.value(depth + 1));
      this.skip();
      if (this.take("]")) return list;
      if (!this.take(",")) this.fail("lacks a comma or a closing bracket");
    }
  }

  private string(): string {
    const plain = this.match(plainString);
    if (plain !== undefined) return plain.slice(1, -1);
    const quoted = this.match(anyString);
    if (quoted === undefined) this.fail("has a bad or unfinished string");
    return JSON.parse(quoted) as string;
  }

  private skip(): void {
    whitespace.lastIndex = this.at;
    whitespace.test(this.text);
    this.at = whitespace.lastIndex;
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
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
