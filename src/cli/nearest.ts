/** The candidate that a slip of the finger would turn into `word`, if there is one. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  // Words come from the command line: a long one is no slip, and need not be measured.
  if (word.length > 40) return undefined;
  const measured = candidates
    .map((name) => ({ name, edits: name.startsWith(word) && word.length > 2 ? 0 : editsBetween(word, name) }))
    .sort((a, b) => a.edits - b.edits)[0];
  if (measured === undefined) return undefined;
  return measured.edits <= Math.max(1, Math.floor(measured.name.length / 3)) ? measured.name : undefined;
}

/** Levenshtein distance. */
function editsBetween(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const here = [row];
    for (let column = 1; column <= b.length; column++) {
      const swap = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      here.push(Math.min(swap, (above[column] ?? 0) + 1, (here[column - 1] ?? 0) + 1));
    }
    above = here;
  }
  return above[b.length] ?? 0;
}
