import type { FindingKind } from "./finding-kind.ts";

/** What findings are about; goes into their remedies. */
export interface Subject {
  /** Path or URL of the source, as it was given. */
  readonly source: string;
  /** Path or URL of the base, if one was given. */
  readonly base?: string;
}

/** A kind's remedy for one source: its path, and the base's, in the place of SRC, BASE and OUT. */
export function remedyFor({ remedy }: Pick<FindingKind, "remedy">, { source, base }: Subject): string {
  if (!remedy.startsWith("tenon ")) return remedy;
  const needsBase = base !== undefined && remedy.startsWith("tenon doctor SRC ") && !remedy.includes("BASE");
  const whole = needsBase ? remedy.replace("SRC ", "SRC --base BASE ") : remedy;
  const words: Readonly<Record<string, string>> = {
    SRC: shellWord(source),
    OUT: shellWord(outputBeside(source)),
    ...(base !== undefined && { BASE: shellWord(base) }),
  };
  return whole.replace(/\b(?:SRC|OUT|BASE)\b/g, (word) => words[word] ?? word);
}

/** `runs/one/` → `runs/one-repaired`, `model.pt` → `model-repaired`; for a URL a name in the working directory. */
export function outputBeside(source: string): string {
  const path = source.replace(/[/\\]+$/, "");
  const isUrl = /^[a-z]+:\/\//i.test(path);
  const own = isUrl ? path.slice(path.lastIndexOf("/") + 1) : path;
  const stem = own.replace(/\.(?:safetensors|bin|pt|pth|ckpt)$/i, "");
  return /^[./\\]*$/.test(stem) ? "repaired" : `${stem}-repaired`;
}

/** A path as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
