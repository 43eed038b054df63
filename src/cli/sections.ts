import { type Cell, columns, lineWidth, wrapped } from "./columns.ts";

const labelWidth = 12;
const rowsShown = 24;

/** A report for a person: a label in the first column, and beside it what it is about. */
export class Sections {
  readonly #lines: string[] = [];

  /** Text beside a label, broken where it gets too long; no label continues the one above. */
  say(label: string, text: string): this {
    const lines = wrapped(text, lineWidth - labelWidth);
    for (const [index, line] of lines.entries())
      this.#lines.push(
        `${(index === 0 ? label : "").padEnd(labelWidth - 1)} ${line}`.trimEnd().replaceAll("\u00a0", " "),
      );
    return this;
  }

  /** Facts beside a label, with commas; a line is broken between facts, not inside a short one (`4.37 GB`). */
  list(label: string, facts: readonly string[]): this {
    const solid = facts.map((fact) => (fact.length < 40 ? fact.replaceAll(" ", "\u00a0") : fact));
    return this.say(label, solid.join(", "));
  }

  /** Aligned rows under the label above; those past the limit are only counted, and `--json` has them. */
  table(rows: readonly (readonly Cell[])[], options: { heads?: readonly Cell[]; more?: string } = {}): this {
    const { heads, more = "rows" } = options;
    const shown = rows.slice(0, rowsShown);
    this.#lines.push(...columns([...(heads && rows.length > 0 ? [heads] : []), ...shown], "    "));
    if (rows.length > rowsShown) this.#lines.push(`    and ${rows.length - rowsShown} more ${more}`);
    return this;
  }

  /** Every row, however many and however long. */
  fullTable(rows: readonly (readonly Cell[])[]): this {
    this.#lines.push(...columns(rows, "    ", Number.POSITIVE_INFINITY));
    return this;
  }

  /** A command below the text above, on one line however long it is: it is there to be copied. */
  command(text: string): this {
    this.#lines.push(`${" ".repeat(labelWidth)}  ${text}`);
    return this;
  }

  /** An empty line. */
  gap(): this {
    this.#lines.push("");
    return this;
  }

  toString(): string {
    return this.#lines.join("\n");
  }
}
