/** The candidate that a slip of the finger would turn into `word`, or that `word` begins, if there is one. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  // Words come from the command line: a long one is no slip, and need not be measured.
  if (word.length > 40) return undefined;
  const measured = candidates
    .map((name) => ({ name, edits: word.length > 2 && name.startsWith(word) ? 0 : slipsBetween(word, name) }))
    .sort((a, b) => a.edits - b.edits)[0];
  if (measured === undefined) return undefined;
  return measured.edits <= Math.max(1, Math.floor(measured.name.length / 3)) ? measured.name : undefined;
}

/** Letters to add, drop, change or swap with their neighbour (optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  const rows: number[][] = [];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let row = 0; row <= a.length; row++) {
    const here: number[] = [row];
    rows.push(here);
    for (let column = 1; column <= b.length; column++) {
      if (row === 0) {
        here.push(column);
        continue;
      }
      const isSame = a[row - 1] === b[column - 1];
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      here.push(
        Math.min(
          at(row - 1, column - 1) + (isSame ? 0 : 1),
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          isSwap ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}
