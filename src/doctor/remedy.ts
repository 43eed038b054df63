import type { FindingKind } from "./finding-kind.ts";

/** What findings are about; goes into their remedies. */
export interface Subject {
  /** Path or URL of the source, as it was given. */
  readonly source: string;
  /** Path or URL of the base, if one was given. */
  readonly base?: string;
  /** Path of an adapter_config.json that fits where the source has none. */
  readonly adapterConfig?: string;
  /** Whether alpha alone says nothing of an adapter without a config. */
  readonly needsConfig?: boolean;
  /** Flags that the source cannot be read without, each as one word or two: `--alpha 8`. */
  readonly flags?: readonly string[];
}

/**
 * A kind's remedy for one source: its path, the base's, the config's and the names that are to be dropped in the place of SRC,
 * BASE, OUT, FILE and NAME. Where no config is known, a comment of the shell says what does in its place, if anything does.
 * @param names what the finding is about, if all of it is listed
 */
export function remedyFor(
  { remedy }: Pick<FindingKind, "remedy">,
  { source, base, adapterConfig, needsConfig = false, flags = [] }: Subject,
  names: readonly string[] = [],
): string {
  if (!remedy.startsWith("tenon ")) return remedy;
  const needsBase = base !== undefined && remedy.startsWith("tenon doctor SRC ") && !remedy.includes("BASE");
  const more = [
    ...(needsBase ? [`--base ${shellWord(base)}`] : []),
    ...flags.filter((flag) => !hasFlag(remedy, flag)).map(quoted),
  ];
  const [, verb = ""] = /^tenon (\w+)/.exec(remedy) ?? [];
  const words: Readonly<Record<string, string>> = {
    SRC: [shellWord(source), ...more].join(" "),
    OUT: shellWord(outputBeside(source, suffixes[verb] ?? "repaired")),
    ...(base !== undefined && { BASE: shellWord(base) }),
    ...(adapterConfig !== undefined && { FILE: shellWord(adapterConfig) }),
    ...(names.length > 0 && { "--drop NAME": names.map((name) => `--drop ${shellWord(name)}`).join(" ") }),
  };
  const command = remedy.replace(/\b(?:SRC|OUT|BASE|FILE)\b|--drop NAME/g, (word) => words[word] ?? word);
  return command.includes("--adapter-config FILE") && !needsConfig ? `${command}${orAlpha}` : command;
}

const orAlpha = "  # or --alpha N in the place of the file";

/** A flag with its value as one word. */
function quoted(flag: string): string {
  const cut = flag.indexOf(" ");
  return cut < 0 ? flag : `${flag.slice(0, cut)} ${shellWord(flag.slice(cut + 1))}`;
}

function hasFlag(remedy: string, flag: string): boolean {
  return remedy.includes(flag.replace(/ .*/, ""));
}

const suffixes: Readonly<Record<string, string>> = { split: "split", merge: "merged", convert: "converted" };

/** `runs/one/` → `runs/one-repaired`, `model.pt` → `model-repaired`; for a URL a name in the working directory. */
function outputBeside(source: string, suffix: string): string {
  const path = source.replace(/[/\\]+$/, "");
  const isUrl = /^[a-z]+:\/\//i.test(path);
  const own = isUrl ? path.slice(path.lastIndexOf("/") + 1) : path;
  const stem = own.replace(/\.(?:safetensors|bin|pt|pth|ckpt)$/i, "");
  return /^[./\\]*$/.test(stem) ? suffix : `${stem}-${suffix}`;
}

/** A path as one word of a POSIX shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
