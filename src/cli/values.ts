import { UsageError } from "../core/index.ts";

/** An adapter and how much of it to take; the weight is absent where none was given. */
export interface WeightedName {
  readonly name: string;
  readonly weight?: number;
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const sizesAllowed = "a number of bytes, or one with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB";

/** `512MiB`, `5GB`, `1.5 GiB` or plain bytes, as whole bytes. @throws UsageError TENON_OPTION_VALUE */
export function parseSize(text: string, flag: string): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  const bytes = Math.floor(Number(digits) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw badValue(flag, text, sizesAllowed);
  return bytes;
}

/** A whole number ≥ 1. @throws UsageError TENON_OPTION_VALUE */
export function parseCount(text: string, flag: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(count) || count < 1) throw badValue(flag, text, "a whole number of at least 1");
  return count;
}

/** A finite decimal number. @throws UsageError TENON_OPTION_VALUE */
export function parseNumber(text: string, flag: string): number {
  const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw badValue(flag, text, "a number");
  return value;
}

/** `second` or `second=-0.5`; the last `=` counts, so that a name may have one. @throws UsageError TENON_OPTION_VALUE */
export function parseWeighted(text: string, flag: string): WeightedName {
  const equals = text.lastIndexOf("=");
  const name = equals === -1 ? text : text.slice(0, equals);
  if (name === "") throw badValue(flag, text, "NAME or NAME=WEIGHT");
  return equals === -1 ? { name } : { name, weight: parseNumber(text.slice(equals + 1), flag) };
}

/** @throws UsageError TENON_OPTION_VALUE */
export function parseChoice(text: string, flag: string, allowed: readonly string[]): string {
  if (!allowed.includes(text)) throw badValue(flag, text, allowed.join(", "));
  return text;
}

function badValue(flag: string, found: string, allowed: string): UsageError {
  return new UsageError(
    "TENON_OPTION_VALUE",
    `--${flag}: ${JSON.stringify(found)} is not allowed; it takes ${allowed}`,
    { details: { option: flag, found, allowed } },
  );
}
