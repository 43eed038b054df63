/**
 * Whether a name is what a pattern says: `*` is any run of characters, everything else stands for itself. The pieces between
 * stars are looked for from left to right, each once, so that no pattern takes long.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  const pieces = pattern.split("*");
  const [first = "", ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= end;
}
