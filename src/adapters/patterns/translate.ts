import { patternCharacters, patternDepth, patternRepeats } from "../limits.ts";
import { type Escape, readEscape } from "./escapes.ts";
import { invalid, type PatternOrigin, unsupported } from "./refusal.ts";

/**
 * Rewrites a pattern of Python's `re` (str patterns, as of Python 3.11) into RE2 syntax with the same meaning on text
 * that holds no newline: there `$` is the end, and the flags `m` and `s` change nothing. `^`, `$`, classes,
 * quantifiers, groups and flags are translated one by one and nothing is passed through unread, since the two
 * syntaxes differ in small ways (`{,n}`, `[[:a]`, `\Z`, `\w`).
 *
 * @throws UnsupportedError TENON_PATTERN_UNSUPPORTED for lookaround, backreferences, atomic groups, possessive
 *   quantifiers, conditionals and verbose mode; FormatError TENON_PATTERN_INVALID for what Python refuses
 */
export function translatePattern(pattern: string, origin: PatternOrigin): string {
  if (pattern.length > patternCharacters)
    throw unsupported(pattern, `more than ${patternCharacters} characters`, origin);
  return new Translator(pattern, origin).whole();
}

interface Flags {
  readonly isAscii: boolean;
}

class Translator {
  private at = 0;
  private depth = 0;
  private readonly names = new Set<string>();
  private readonly text: string;
  private readonly origin: PatternOrigin;

  constructor(text: string, origin: PatternOrigin) {
    this.text = text;
    this.origin = origin;
  }

  whole(): string {
    const flags = this.globalFlags();
    const out = flags.prefix + this.alternatives({ isAscii: flags.isAscii });
    if (this.at < this.text.length) throw this.bad("a parenthesis is closed that was not opened");
    return out;
  }

  /** `(?i)` and the like, which Python allows at the very start only. */
  private globalFlags(): { prefix: string; isAscii: boolean } {
    let prefix = "";
    let isAscii = false;
    for (;;) {
      const found = /^\(\?([aiLmsux]+)\)/.exec(this.text.slice(this.at, this.at + 12));
      if (found === null) return { prefix, isAscii };
      const letters = found[1] as string;
      this.checkFlags(letters);
      if (letters.includes("i")) prefix = "(?i)";
      if (letters.includes("a")) isAscii = true;
      this.at += found[0].length;
    }
  }

  private checkFlags(letters: string): void {
    if (letters.includes("x")) throw this.refused("verbose mode (?x)");
    if (letters.includes("L")) throw this.bad("the flag L needs a bytes pattern");
    if (letters.includes("a") && letters.includes("u"))
      throw this.bad("the flags a and u exclude each other");
  }

  private alternatives(flags: Flags): string {
    const out: string[] = [this.sequence(flags)];
    while (this.text[this.at] === "|") {
      this.at++;
      out.push(this.sequence(flags));
    }
    return out.join("|");
  }

  private sequence(flags: Flags): string {
    let out = "";
    while (this.at < this.text.length && this.text[this.at] !== "|" && this.text[this.at] !== ")") {
      const atom = this.atom(flags);
      out += atom.text;
      const count = this.quantifier();
      if (count === undefined) continue;
      if (atom.kind === "anchor") throw this.bad("there is nothing to repeat");
      out += count;
      if (this.quantifier() !== undefined) throw this.bad("a repetition is repeated");
    }
    return out;
  }

  private atom(flags: Flags): { text: string; kind: "item" | "anchor" } {
    const character = this.text[this.at] as string;
    switch (character) {
      case "(":
        return this.group(flags);
      case "[":
        return { text: this.characterClass(flags), kind: "item" };
      case ".":
        this.at++;
        return { text: ".", kind: "item" };
      case "^":
        this.at++;
        return { text: "\\A", kind: "anchor" };
      case "$":
        this.at++;
        return { text: "\\z", kind: "anchor" };
      case "\\":
        return this.escape(flags);
      case "*":
      case "+":
      case "?":
        throw this.bad("there is nothing to repeat");
      case "{":
        if (this.quantifier() !== undefined) throw this.bad("there is nothing to repeat");
        this.at++;
        return { text: literal(0x7b), kind: "item" };
      default: {
        const codePoint = this.text.codePointAt(this.at) as number;
        this.at += codePoint > 0xffff ? 2 : 1;
        return { text: literal(codePoint), kind: "item" };
      }
    }
  }

  private escape(flags: Flags): { text: string; kind: "item" | "anchor" } {
    const found = this.readEscape(flags, "outside");
    if (found.kind === "literal") return { text: literal(found.codePoint), kind: "item" };
    if (found.kind === "class") return { text: `[${found.items}]`, kind: "item" };
    if (found.letter === "A" || found.letter === "Z")
      return { text: found.letter === "A" ? "\\A" : "\\z", kind: "anchor" };
    // RE2's \b is ASCII, which is also what Python's is on ASCII text; names of modules are identifiers, nearly
    // always ASCII. The matcher refuses other text for such a pattern.
    return { text: `\\${found.letter}`, kind: "anchor" };
  }

  private readEscape(
    flags: Flags,
    place: "class" | "outside",
  ): Exclude<Escape, { kind: "refused" } | { kind: "invalid" }> {
    const found = readEscape(this.text, this.at, { alphabet: flags.isAscii ? "ascii" : "unicode", place });
    if (found.kind === "refused") throw this.refused(found.construct);
    if (found.kind === "invalid") throw this.bad(found.why);
    this.at += found.length;
    return found;
  }

  private group(flags: Flags): { text: string; kind: "item" } {
    const rest = this.text.slice(this.at, this.at + 4);
    let open = "(";
    let inner = flags;
    if (!rest.startsWith("(?")) this.at++;
    else if (rest.startsWith("(?:")) {
      open = "(?:";
      this.at += 3;
    } else if (rest.startsWith("(?P<")) open = this.namedGroup();
    else if (rest.startsWith("(?#")) return this.comment();
    else ({ open, inner } = this.flagGroup(flags));
    if (++this.depth > patternDepth) throw this.refused(`more than ${patternDepth} nested groups`);
    const body = this.alternatives(inner);
    this.depth--;
    if (this.text[this.at] !== ")") throw this.bad("a parenthesis is not closed");
    this.at++;
    return { text: `${open}${body})`, kind: "item" };
  }

  private namedGroup(): string {
    const found = /^\(\?P<([^>]*)>/.exec(this.text.slice(this.at));
    const name = found?.[1] ?? "";
    if (found === null || !/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name))
      throw this.bad("a group has no proper name");
    if (this.names.has(name)) throw this.bad(`two groups are called ${name}`);
    this.names.add(name);
    this.at += found[0].length;
    // RE2 allows fewer characters in names than Python; only tenon's own group is ever asked for.
    return name === layerIndexGroup ? `(?P<${name}>` : "(";
  }

  private comment(): { text: string; kind: "item" } {
    const end = this.text.indexOf(")", this.at);
    if (end < 0) throw this.bad("a comment is not closed");
    this.at = end + 1;
    return { text: "", kind: "item" };
  }

  /** `(?i:…)`, `(?-i:…)`; everything else that starts with `(?` is refused by its name. */
  private flagGroup(flags: Flags): { open: string; inner: Flags } {
    const rest = this.text.slice(this.at);
    const found = /^\(\?([aiLmsux]*)(?:-([imsx]+))?:/.exec(rest);
    if (found === null) throw this.strangeGroup(rest);
    const [matched, on = "", off = ""] = found;
    this.checkFlags(on);
    this.at += matched.length;
    const isAscii = on.includes("a") || (flags.isAscii && !on.includes("u"));
    const open = on.includes("i") ? "(?i:" : off.includes("i") ? "(?-i:" : "(?:";
    return { open, inner: { isAscii } };
  }

  private strangeGroup(rest: string): Error {
    if (/^\(\?<?[=!]/.test(rest)) return this.refused(rest[2] === "<" ? "lookbehind" : "lookahead");
    if (rest.startsWith("(?P=")) return this.refused("a backreference");
    if (rest.startsWith("(?>")) return this.refused("an atomic group");
    if (rest.startsWith("(?(")) return this.refused("a conditional");
    if (/^\(\?[aiLmsux]+\)/.test(rest))
      return this.bad("flags for the whole pattern stand only at its start");
    return this.bad("an unknown kind of group");
  }

  /** The quantifier at this place in RE2 syntax; undefined when there is none. */
  private quantifier(): string | undefined {
    const rest = this.text.slice(this.at, this.at + 32);
    const found = /^(?:[*+?]|\{(\d*)(,?)(\d*)\})/.exec(rest);
    if (found === null) return undefined;
    const [matched, least = "", comma = "", most = ""] = found;
    let count = matched;
    if (matched.startsWith("{")) {
      // `{}` is text for Python, and `{,}` is `*`.
      if (least === "" && comma === "") return undefined;
      count = comma === "" ? `{${least}}` : `{${least === "" ? "0" : least},${most}}`;
      const numbers = [least, most].filter((digits) => digits !== "").map(Number);
      if (numbers.some((number) => number > patternRepeats))
        throw this.refused(`a repetition of more than ${patternRepeats}`);
      if (numbers.length === 2 && (numbers[0] as number) > (numbers[1] as number))
        throw this.bad("a repetition's least count is above its most");
    }
    this.at += matched.length;
    if (this.text[this.at] === "+") throw this.refused("a possessive quantifier");
    if (this.text[this.at] !== "?") return count;
    this.at++;
    return `${count}?`;
  }

  private characterClass(flags: Flags): string {
    this.at++;
    let out = "[";
    if (this.text[this.at] === "^") {
      this.at++;
      out += "^";
    }
    for (let isFirst = true; isFirst || this.text[this.at] !== "]"; isFirst = false) {
      if (this.at >= this.text.length) throw this.bad("a character class is not closed");
      out += this.classItem(flags);
    }
    this.at++;
    return `${out}]`;
  }

  private classItem(flags: Flags): string {
    const low = this.classMember(flags);
    if (this.text[this.at] !== "-" || this.text[this.at + 1] === "]" || this.at + 1 >= this.text.length)
      return typeof low === "number" ? literal(low) : low;
    this.at++;
    const high = this.classMember(flags);
    if (typeof low !== "number" || typeof high !== "number" || low > high)
      throw this.bad("a range in a character class is out of order");
    return `${literal(low)}-${literal(high)}`;
  }

  /** A code point, or the items of a class such as `\d`. */
  private classMember(flags: Flags): number | string {
    if (this.text[this.at] === "\\") {
      const found = this.readEscape(flags, "class");
      if (found.kind === "class") return found.items;
      if (found.kind === "literal") return found.codePoint;
      throw new Error("internal: an anchor inside a character class");
    }
    const codePoint = this.text.codePointAt(this.at) as number;
    this.at += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  private refused(construct: string): Error {
    return unsupported(this.text, construct, this.origin);
  }

  private bad(why: string): Error {
    return invalid(this.text, why, this.origin);
  }
}

/** The one named group that is read back: the index of a layer. */
export const layerIndexGroup = "idx";

/** A code point that stands for itself, inside or outside a class. */
function literal(codePoint: number): string {
  const character = String.fromCodePoint(codePoint);
  return /^[A-Za-z0-9_]$/.test(character) ? character : `\\x{${codePoint.toString(16)}}`;
}
