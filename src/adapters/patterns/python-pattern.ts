import { RE2JS, RE2JSException } from "re2js";
import { type PatternOrigin, unsupported } from "./refusal.ts";
import { layerIndexGroup, translatePattern } from "./translate.ts";

/**
 * A regex of Python's `re`, run in time linear in the text by RE2. Text with a newline matches nothing: no path of a
 * module has one, and `.` and `$` would mean other things there.
 */
export class PythonPattern {
  private readonly source: string;
  private readonly origin: PatternOrigin;
  private readonly engine: RE2JS;
  private readonly needsAscii: boolean;

  /** @throws UnsupportedError TENON_PATTERN_UNSUPPORTED, FormatError TENON_PATTERN_INVALID */
  constructor(source: string, anchor: "fullmatch" | "match", origin: PatternOrigin) {
    this.source = source;
    this.origin = origin;
    const translated = translatePattern(source, origin);
    this.needsAscii = /(?<!\\)(?:\\\\)*\\[bB]/.test(translated);
    const flags = translated.startsWith("(?i)") ? "(?i)" : "";
    const body = translated.slice(flags.length);
    try {
      this.engine = RE2JS.compile(`${flags}\\A(?:${body})${anchor === "fullmatch" ? "\\z" : ""}`);
    } catch (error) {
      if (error instanceof RE2JSException)
        throw unsupported(source, "a repetition too large to unroll", origin);
      throw error;
    }
  }

  /** `re.fullmatch` or `re.match`, whichever the pattern was made for, found something. */
  matches(text: string): boolean {
    return this.isPlain(text) && this.engine.matcher(text).find();
  }

  /** The digits that the group `idx` took, or undefined when nothing matched. */
  layerIndex(text: string): string | undefined {
    if (!this.isPlain(text)) return undefined;
    const matcher = this.engine.matcher(text);
    return matcher.find() ? (matcher.group(layerIndexGroup) ?? undefined) : undefined;
  }

  private isPlain(text: string): boolean {
    if (text.includes("\n")) return false;
    if (this.needsAscii && /[^\u0000-\u007f]/.test(text))
      throw unsupported(this.source, "\\b on a name beyond ASCII", this.origin);
    return true;
  }
}
