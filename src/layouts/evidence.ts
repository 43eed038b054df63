import type { SourceTree } from "../bytes/index.ts";
import type { Sniff } from "./layout.ts";

/** Paths of the files that lie in the source itself, not in a folder of it. */
export function rootPaths(files: readonly { readonly path: string }[]): readonly string[] {
  return files.map(({ path }) => path).filter((path) => !path.includes("/"));
}

/** Names of the folders directly in the source. */
export function rootFolders(files: readonly { readonly path: string }[]): readonly string[] {
  const folders = files.map(({ path }) => path).filter((path) => path.includes("/"));
  return [...new Set(folders.map((path) => path.slice(0, path.indexOf("/"))))];
}

/** `a, b, c and 4 more are here` as evidence. */
export function areHere(paths: readonly string[]): string {
  const shown = paths.slice(0, 3).join(", ");
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
  return `${shown}${more} ${paths.length === 1 ? "is" : "are"} here`;
}

export const yes = (...evidence: string[]): Sniff => ({ match: "yes", evidence });
export const maybe = (...evidence: string[]): Sniff => ({ match: "maybe", evidence });
export const no = (...evidence: string[]): Sniff => ({ match: "no", evidence });

/** What a layout that is a directory says of a single file. */
export function onlyOneFile(tree: SourceTree): Sniff | undefined {
  return tree.isSingleFile ? no("the source is one file, not a directory") : undefined;
}
