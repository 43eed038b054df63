/**
 * Python's character classes as the inside of an RE2 character class, by kind and alphabet. RE2's own `\w`, `\d` and
 * `\s` are ASCII; Python's are Unicode unless the `a` flag is set.
 */
type ClassLetter = "d" | "D" | "w" | "W" | "s" | "S";

/** Connector punctuation but the underscore, which `\w` holds. */
const otherConnectors = "\\x{203f}-\\x{2040}\\x{2054}\\x{fe33}-\\x{fe34}\\x{fe4d}-\\x{fe4f}\\x{ff3f}";

const unicode: Readonly<Record<ClassLetter, string>> = {
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  w: "\\p{L}\\p{N}_",
  W: `\\p{M}\\p{Pd}\\p{Ps}\\p{Pe}\\p{Pi}\\p{Pf}\\p{Po}${otherConnectors}\\p{S}\\p{Z}\\p{C}`,
  s: "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\p{Z}",
  S:
    "\\x{0}-\\x{8}\\x{e}-\\x{1b}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}" +
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}",
};

const ascii: Readonly<Record<ClassLetter, string>> = {
  d: "0-9",
  D: "\\x{0}-\\x{2f}\\x{3a}-\\x{10ffff}",
  w: "0-9A-Za-z_",
  W: "\\x{0}-\\x{2f}\\x{3a}-\\x{40}\\x{5b}-\\x{5e}\\x{60}\\x{7b}-\\x{10ffff}",
  s: "\\x{9}-\\x{d}\\x{20}",
  S: "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{10ffff}",
};

/** The items of `\<letter>`, or undefined for another letter. */
export function classItems(letter: string, alphabet: "unicode" | "ascii"): string | undefined {
  const table = alphabet === "ascii" ? ascii : unicode;
  return Object.hasOwn(table, letter) ? table[letter as ClassLetter] : undefined;
}
