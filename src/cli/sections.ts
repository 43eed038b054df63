import { lineWidth, wrapped } from "./columns.ts";

const labelWidth = 12;

/** A report for a person: a label in the first column, and beside it what it is about. */
export class Sections {
  readonly #lines: string[] = [];

  /** Text beside a label, broken where it gets too long; no label continues the one above. */
  say(label: string, text: string): this {
    const lines = wrapped(text, lineWidth - labelWidth);
    for (const [index, line] of lines.entries())
      this.#lines.push(`${(index === 0 ? label : "").padEnd(labelWidth)}${line}`.trimEnd());
    return this;
  }

  /** Lines that are laid out already, indented under the label above. */
  lay(lines: readonly string[]): this {
    this.#lines.push(...lines.map((line) => `  ${line}`));
    return this;
  }

  toString(): string {
    return this.#lines.join("\n");
  }
}
