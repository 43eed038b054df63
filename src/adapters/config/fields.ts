import { FormatError, isJsonRecord, type Json, type JsonRecord } from "../../core/index.ts";
import { enginePatternCount, patternCount } from "../limits.ts";
import { needsEngine } from "../patterns/path-rules.ts";
import type { BdLora, ModuleRule, PatternTable, TokenRule } from "./lora-config.ts";

/**
 * Reads typed fields of adapter_config.json and remembers which keys were asked for. Every method throws
 * FormatError TENON_ADAPTER_CONFIG_FIELD for a value of another type.
 */
export class ConfigFields {
  private readonly asked = new Set<string>();
  private readonly record: JsonRecord;
  private readonly from: string;

  constructor(record: JsonRecord, from: string) {
    this.record = record;
    this.from = from;
  }

  unknownKeys(known: ReadonlySet<string>): string[] {
    return Object.keys(this.record).filter((key) => !this.asked.has(key) && !known.has(key));
  }

  boolean(key: string, otherwise: boolean): boolean {
    const value = this.value(key) ?? otherwise;
    return typeof value === "boolean" ? value : this.refuse(key, value, "true or false");
  }

  number(key: string, otherwise: number): number {
    const value = this.value(key) ?? otherwise;
    return typeof value === "number" && Number.isFinite(value) ? value : this.refuse(key, value, "a number");
  }

  /** A count of at least one. */
  rank(key: string, otherwise: number): number {
    const value = this.number(key, otherwise);
    return isCount(value) && value > 0 ? value : this.refuse(key, value, "a whole number above 0");
  }

  text(key: string): string | null {
    const value = this.value(key);
    return value === null || typeof value === "string" ? value : this.refuse(key, value, "text or null");
  }

  texts(key: string): readonly string[] {
    const value = this.value(key) ?? [];
    const list = typeof value === "string" ? [value] : value;
    if (!isTexts(list)) this.refuse(key, value, "a list of names");
    return this.bounded(key, list);
  }

  flagOrText(key: string): boolean | string {
    const value = this.value(key) ?? true;
    if (typeof value === "boolean" || typeof value === "string") return value;
    return this.refuse(key, value, "true, false or the name of an initialisation");
  }

  /** Whether a nested configuration is given. */
  isGiven(key: string): boolean {
    const value = this.value(key);
    return isJsonRecord(value) ? Object.keys(value).length > 0 : value !== null && value !== false;
  }

  rule(key: string): ModuleRule | null {
    const value = this.value(key);
    if (value === null) return null;
    if (typeof value === "string" && value.toLowerCase() === "all-linear") return { kind: "allLinear" };
    if (typeof value === "string") return { kind: "regex", pattern: value };
    if (!isTexts(value)) this.refuse(key, value, "a regex or a list of names");
    return { kind: "names", names: this.bounded(key, value) };
  }

  /** A dictionary of pattern → number; `isRank` asks for counts. */
  patterns(key: string, values: "ranks" | "alphas"): PatternTable {
    const value = this.value(key);
    if (value === null) return { entries: [] };
    if (!isJsonRecord(value)) return this.refuse(key, value, "an object of patterns");
    const dear = this.bounded(key, Object.keys(value)).filter(needsEngine).length;
    if (dear > enginePatternCount)
      this.refuse(key, dear, `at most ${enginePatternCount} patterns that are more than names`);
    const entries = Object.entries(value).map(([pattern, number]) => {
      const isFine = typeof number === "number" && (values === "alphas" || (isCount(number) && number > 0));
      if (!isFine || !Number.isFinite(number)) this.refuse(`${key}.${pattern}`, number, "a number");
      return { pattern, value: number };
    });
    return { entries };
  }

  counts(key: string): readonly number[] | null {
    const value = this.value(key);
    if (value === null) return null;
    const list = Array.isArray(value) ? value : [value];
    return isCounts(list) ? list : this.refuse(key, value, "a count or a list of counts");
  }

  tokens(key: string): readonly TokenRule[] {
    const value = this.value(key);
    if (value === null) return [];
    if (isRows(value)) return [{ module: null, indices: value }];
    if (!isJsonRecord(value))
      return this.refuse(key, value, "a list of row indices, each once, or one per embedding");
    return Object.entries(value).map(([module, indices]) =>
      isRows(indices)
        ? { module, indices }
        : this.refuse(`${key}.${module}`, indices, "row indices, each once"),
    );
  }

  ranges(key: string): readonly (readonly [number, number])[] | null {
    const value = this.value(key);
    if (value === null) return null;
    const wanted = "a list of [start, end] pairs";
    if (!Array.isArray(value)) return this.refuse(key, value, wanted);
    return value.map((range) => {
      if (!isCounts(range) || range.length !== 2) return this.refuse(key, range, wanted);
      return [range[0] as number, range[1] as number] as const;
    });
  }

  bdlora(key: string): BdLora | null {
    const value = this.value(key);
    if (value === null || value === false) return null;
    if (!isJsonRecord(value)) return this.refuse(key, value, "an object");
    const inner = new ConfigFields(value, `${this.from}, ${key}`);
    return {
      blocksOfA: inner.texts("target_modules_bd_a"),
      blocksOfB: inner.texts("target_modules_bd_b"),
      blocks: inner.rank("nblocks", 1),
    };
  }

  private value(key: string): Json {
    this.asked.add(key);
    return this.record[key] ?? null;
  }

  private bounded<T>(key: string, list: readonly T[]): readonly T[] {
    if (list.length > patternCount) this.refuse(key, list.length, `at most ${patternCount} entries`);
    return list;
  }

  private refuse(key: string, found: Json, allowed: string): never {
    const shown = JSON.stringify(found).slice(0, 80);
    const message = `peft: ${key} is ${shown}; it must be ${allowed} (${this.from})`;
    throw new FormatError("TENON_ADAPTER_CONFIG_FIELD", message, {
      details: { key, found: shown, from: this.from },
    });
  }
}

function isTexts(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function isCount(value: Json): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: Json | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}

/** Which of two rows for one token counts is not said anywhere. */
function isRows(value: Json | undefined): value is readonly number[] {
  return isCounts(value) && new Set(value).size === value.length;
}
