/** A cell: text goes left, numbers (already spelled) right. */
export interface Cell {
  readonly text: string;
  readonly isRight?: true;
}

export function left(text: string): Cell {
  return { text };
}

export function right(text: string): Cell {
  return { text, isRight: true };
}

/** Lines that a screen or a log still shows whole. */
export const lineWidth = 100;

/** Aligns rows of cells, two blanks between columns. The first column gives way when a row gets longer than `width`. */
export function columns(
  rows: readonly (readonly Cell[])[],
  indent = "",
  width: number = lineWidth,
): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.text.length ?? 0)),
  );
  const total = indent.length + widths.reduce((sum, each) => sum + each, 0) + 2 * (count - 1);
  const [first = 0] = widths;
  widths[0] = Math.max(Math.min(first, 24), first - Math.max(0, total - width));
  return rows.map((row) =>
    (
      indent +
      row
        .map(({ text, isRight }, column) => {
          const room = widths[column] ?? 0;
          const shown = shortened(text, room);
          return isRight ? shown.padStart(room) : shown.padEnd(room);
        })
        .join("  ")
    ).trimEnd(),
  );
}

/** Cuts the middle out of what does not fit: both ends of a tensor's name say more than its middle. */
export function shortened(text: string, width: number): string {
  if (text.length <= width) return text;
  const kept = Math.max(2, width - 1);
  const tail = Math.ceil(kept / 2);
  return `${text.slice(0, kept - tail)}…${text.slice(-tail)}`;
}

/** Breaks text at blanks into lines of at most `width`; a longer word stays whole. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** `a, b, c and 4 more`. */
export function listed(names: readonly string[], shown: number, count: number = names.length): string {
  const first = names.slice(0, shown).join(", ");
  const more = count - Math.min(shown, names.length);
  return more > 0 ? `${first}${first === "" ? "" : " and "}${more} more` : first;
}
