/**
 * A text for a person, in which paths below a directory are written as seen from there: reports hold absolute ones.
 * Commands in the text still work, since they are run from the same directory.
 *
 * @param directory absolute; separators as in the text
 */
export function seenFrom(directory: string, text: string): string {
  if (directory === "" || /^[\\/]$/.test(directory)) return text;
  const separator = directory.includes("\\") ? "\\" : "/";
  return text.split(directory + separator).reduce((seen, rest) => {
    // In the middle of another path, or of a URL, it is not this directory.
    const isInside = /[\w.~:@%+\\/-]$/.test(seen);
    return isInside || /^[\s'")]|^$/.test(rest) ? `${seen}${directory}${separator}${rest}` : `${seen}${rest}`;
  });
}
