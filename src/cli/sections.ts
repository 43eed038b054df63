import { type Cell, columns, lineWidth, wrapped } from "./columns.ts";

const labelWidth = 12;
const rowsShown = 24;

/** A label with text beside it, or a line that is laid out already. */
type Line = string | { readonly label: string; readonly text: string };

/** A report for a person: a label in the first column, and beside it what it is about. */
export class Sections {
  readonly #lines: Line[] = [];

  /** Text beside a label, broken where it gets too long; no label continues the one above. */
  say(label: string, text: string): this {
    const lines = wrapped(text, lineWidth - labelWidth);
    for (const [index, line] of lines.entries())
      this.#lines.push({ label: index === 0 ? label : "", text: line.replaceAll("\u00a0", " ") });
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
    const lines = columns([...(heads && rows.length > 0 ? [heads] : []), ...shown], "    ");
    return this.#lay(
      rows.length > rowsShown ? [...lines, `    and ${rows.length - rowsShown} more ${more}`] : lines,
    );
  }

  /** Every row, however many and however long. */
  fullTable(rows: readonly (readonly Cell[])[]): this {
    return this.#lay(columns(rows, "    ", Number.POSITIVE_INFINITY));
  }

  /** A command below the text above, on one line however long it is: it is there to be copied. */
  command(text: string): this {
    return this.#lay([`${" ".repeat(labelWidth)}  ${text}`]);
  }

  /** An empty line. */
  gap(): this {
    return this.#lay([""]);
  }

  #lay(lines: readonly string[]): this {
    this.#lines.push(...lines);
    return this;
  }

  /** The text, without a newline at the end; with `isColoured` labels are bold, those of bad news red or yellow. */
  toText(isColoured = false): string {
    return this.#lines
      .map((line) => {
        if (typeof line === "string") return line;
        const label = line.label.padEnd(labelWidth - 1);
        const isPainted = isColoured && line.label !== "";
        return `${isPainted ? painted(line.label, label) : label} ${line.text}`.trimEnd();
      })
      .join("\n");
  }
}

const colours: Readonly<Record<string, number>> = { error: 31, failed: 31, warning: 33, note: 36 };

function painted(label: string, text: string): string {
  return `\u001b[${Object.hasOwn(colours, label) ? `1;${colours[label]}` : "1"}m${text}\u001b[0m`;
}
