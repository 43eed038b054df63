/**
 * Whether a tree lists this path. Names that begin with a dot (`.git`, `.cache`, `.DS_Store`) are not part of a
 * checkpoint; they still open by name.
 */
export function isListed(path: string): boolean {
  return !path.split("/").some((segment) => segment.startsWith("."));
}

/** Order of `list()`: by UTF-16 code units, the same on every system and in every locale. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
