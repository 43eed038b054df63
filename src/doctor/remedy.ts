import type { FindingKind } from "./finding-kind.ts";

/** What findings are about; goes into their remedies. */
export interface Subject {
  /** Path or URL of the source, as it was given. */
  readonly source: string;
  /** Path or URL of the base, if one was given. */
  readonly base?: string;
  /** Flags that the source cannot be read without, each as one word or two: `--alpha 8`. */
  readonly flags?: readonly string[];
}

/**
 * A kind's remedy for one source: its path, the base's and the names that are to be dropped in the place of SRC, BASE, OUT and
 * NAME.
 * @param names what the finding is about, if all of it is listed
 */
export function remedyFor(
  { remedy }: Pick<FindingKind, "remedy">,
  { source, base, flags = [] }: Subject,
  names: readonly string[] = [],
): string {
  if (!remedy.startsWith("tenon ")) return remedy;
  const needsBase = base !== undefined && remedy.startsWith("tenon doctor SRC ") && !remedy.includes("BASE");
  const more = [...(needsBase ? ["--base BASE"] : []), ...flags.filter((flag) => !hasFlag(remedy, flag))];
  const [, verb = ""] = /^tenon (\w+)/.exec(remedy) ?? [];
  const words: Readonly<Record<string, string>> = {
    SRC: shellWord(source),
    OUT: shellWord(outputBeside(source, suffixes[verb] ?? "repaired")),
    ...(base !== undefined && { BASE: shellWord(base) }),
  };
  return remedy
    .replace(/\bSRC\b/, ["SRC", ...more].join(" "))
    .replace(/\b(?:SRC|OUT|BASE)\b/g, (word) => words[word] ?? word)
    .replace("--drop NAME", (drop) =>
      names.length > 0 ? names.map((name) => `--drop ${shellWord(name)}`).join(" ") : drop,
    );
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
