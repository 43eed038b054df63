import { parseArgs } from "node:util";
import { UsageError } from "../core/index.ts";
import { checkCall } from "./check-call.ts";
import { nearest } from "./nearest.ts";
import { type OptionName, type OptionValues, optionNames, optionTable } from "./options.ts";
import {
  parseChoice,
  parseCount,
  parseNumber,
  parseSize,
  parseWeighted,
  type WeightedName,
} from "./values.ts";
import { type VerbSpec, verbs } from "./verbs.ts";

export interface CommandLine {
  /** Absent: help or version was asked for, or nothing at all. */
  readonly verb?: string;
  readonly arguments: readonly string[];
  readonly options: OptionValues;
}

type Value = true | number | string | WeightedName;

/**
 * Reads the arguments after `tenon`. Every flag is known to one table, so flags may stand before the verb too.
 * @throws UsageError TENON_VERB_UNKNOWN, TENON_OPTION_UNKNOWN, TENON_OPTION_NOT_TAKEN, TENON_OPTION_VALUE,
 *   TENON_OPTION_VALUE_MISSING, TENON_OPTION_REPEATED, TENON_OPTION_MISSING, TENON_ARGUMENT_MISSING,
 *   TENON_ARGUMENT_UNEXPECTED
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      optionNames.map((name) => {
        const { kind, short } = optionTable[name];
        return [name, { type: kind === "flag" ? "boolean" : "string", ...(short && { short }) }];
      }),
    ),
    // Its own strictness says neither what is allowed nor what was probably meant.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words: string[] = [];
  const values: Partial<Record<OptionName, Value | Value[]>> = {};
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const name = knownOption(token.name, token.rawName);
    const value = optionValue(name, token.value, token.inlineValue === true);
    const before = values[name];
    if (optionTable[name].repeatable) values[name] = [...(Array.isArray(before) ? before : []), value];
    else if (before === undefined) values[name] = value;
    else if (value !== true) throw repeated(name);
  }
  const options = values as OptionValues;
  const [verb, ...rest] = words;
  if (verb === undefined) return { arguments: [], options };
  const spec = specOf(verb);
  if (!options.help && !options.version) checkCall(verb, spec, rest, options);
  return { verb, arguments: rest, options };
}

function specOf(verb: string): VerbSpec {
  const spec = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (spec !== undefined) return spec;
  const names = Object.keys(verbs);
  const meant = nearest(verb, names);
  throw new UsageError(
    "TENON_VERB_UNKNOWN",
    `tenon: ${JSON.stringify(verb)} is no verb, there are ${names.join(", ")}`,
    {
      details: { verb, allowed: names, ...(meant && { nearest: meant }) },
      hint: meant ? `Did you mean "tenon ${meant}"?` : "Run tenon --help for what each does.",
    },
  );
}

function knownOption(name: string, rawName: string): OptionName {
  if (Object.hasOwn(optionTable, name)) return name as OptionName;
  const meant = nearest(name, optionNames);
  throw new UsageError("TENON_OPTION_UNKNOWN", `tenon: ${rawName} is not known to any verb`, {
    details: { option: rawName, ...(meant && { nearest: `--${meant}` }) },
    hint: meant ? `Did you mean --${meant}?` : "Run tenon VERB --help for what it takes.",
  });
}

function optionValue(name: OptionName, text: string | undefined, isInline: boolean): Value {
  const spec = optionTable[name];
  if (spec.kind === "flag") {
    if (text === undefined) return true;
    throw new UsageError("TENON_OPTION_VALUE", `--${name}: takes no value, but has ${JSON.stringify(text)}`, {
      details: { option: name, found: text },
    });
  }
  // `-o --force` is a forgotten value, not a directory called --force; --output=--force would be one.
  if (text === undefined || text === "" || (!isInline && /^-(?!\d|\.\d|$)/.test(text))) {
    const allowed = spec.kind === "choice" ? spec.allowed.join(", ") : spec.value;
    throw new UsageError(
      "TENON_OPTION_VALUE_MISSING",
      `--${name}: its value is missing; it takes ${allowed}`,
      {
        details: { option: name, allowed },
      },
    );
  }
  switch (spec.kind) {
    case "choice":
      return parseChoice(text, name, spec.allowed);
    case "size":
      return parseSize(text, name);
    case "count":
      return parseCount(text, name);
    case "number":
      return parseNumber(text, name);
    case "weighted":
      return parseWeighted(text, name);
    case "text":
      return text;
    default:
      return spec satisfies never;
  }
}

function repeated(name: OptionName): UsageError {
  return new UsageError("TENON_OPTION_REPEATED", `--${name}: is given more than once`, {
    details: { option: name },
    hint: "Give it once.",
  });
}
