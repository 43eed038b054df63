import { type OptionName, type OptionSpec, optionTable } from "./options.ts";
import { generalOptions, type VerbSpec, verbs } from "./verbs.ts";

const width = 100;

/** Text of `tenon --help`. */
export function generalHelp(version: string): string {
  const names = Object.keys(verbs);
  const column = Math.max(...names.map((name) => name.length)) + 2;
  return [
    `tenon ${version}: opens, diagnoses, splits, merges, converts and verifies hybrid fine-tunes`,
    "",
    "usage: tenon VERB …",
    "",
    ...Object.entries(verbs).flatMap(([name, { summary }]) => row(name, summary, column)),
    "",
    ...optionRows(generalOptions),
    "",
    "tenon VERB --help says what a verb takes.",
    "exit: 0 ok, 1 failed or findings, 2 usage, 3 malformed input, 4 unsupported, 5 conflict, 130 interrupted",
  ].join("\n");
}

/** Text of `tenon VERB --help`. */
export function verbHelp(name: string, spec: VerbSpec): string {
  return [
    `tenon ${name}: ${spec.summary}`,
    "",
    ...wrap(`usage: ${usageOf(name, spec)}`, "         "),
    "",
    ...optionRows([...spec.options, ...generalOptions]),
    ...(spec.notes.length > 0 ? ["", ...spec.notes.flatMap((note) => wrap(note, ""))] : []),
  ].join("\n");
}

/** One line: the verb, its arguments and its own flags. */
export function usageOf(name: string, { positionals, options, required }: VerbSpec): string {
  const flags = options.map((option) => {
    const flag = spelled(option);
    const isRequired = required.includes(option);
    return `${isRequired ? flag : `[${flag}]`}${optionTable[option].repeatable ? "…" : ""}`;
  });
  return ["tenon", name, ...positionals, ...flags].join(" ");
}

/** `-o, --output OUT` */
export function spelling(name: OptionName): string {
  const { short } = optionTable[name];
  return `${short === undefined ? "" : `-${short}, `}${spelled(name, true)}`;
}

/** What a flag takes, as help shows it; empty for one that takes nothing. */
export function placeholderOf(spec: OptionSpec): string {
  if (spec.kind === "flag") return "";
  return spec.kind === "choice" ? spec.allowed.join("|") : spec.value;
}

function spelled(name: OptionName, isLong = false): string {
  const spec = optionTable[name];
  const flag = spec.short !== undefined && !isLong ? `-${spec.short}` : `--${name}`;
  const placeholder = placeholderOf(spec);
  return placeholder === "" ? flag : `${flag} ${placeholder}`;
}

function optionRows(names: readonly OptionName[]): string[] {
  return names.flatMap((name) => row(spelling(name), optionTable[name].help, 32));
}

function row(left: string, right: string, column: number): string[] {
  const start = `  ${left}`.padEnd(column + 2);
  const indent = " ".repeat(column + 2);
  const fits = start.length <= column + 2;
  const lines = wrap(`${indent}${right}`, indent);
  if (!fits) return [start, ...lines];
  return [start + (lines[0] ?? "").slice(column + 2), ...lines.slice(1)];
}

/** Breaks a line at blanks so that it fits; the lines after the first begin with `indent`. */
function wrap(line: string, indent: string): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const at = rest.lastIndexOf(" ", width);
    if (at <= indent.length) break;
    lines.push(rest.slice(0, at));
    rest = indent + rest.slice(at + 1);
  }
  return [...lines, rest];
}
