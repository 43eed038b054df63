import { sep } from "node:path";
import { FormatError } from "../../core/index.ts";

/**
 * Where the symbolic links of a tree may lead: inside the tree, and, when the tree is a snapshot in a cache of
 * the Hugging Face hub, inside that repository's directory, because there every file of
 * `models--org--name/snapshots/<rev>/` is a link to `../../blobs/<hash>`.
 */
export function linkRootsOf(realRoot: string): readonly string[] {
  const segments = realRoot.split(sep);
  const at = segments.findLastIndex((segment, index) => {
    return segment === "snapshots" && /^(models|datasets|spaces)--/.test(segments[index - 1] ?? "");
  });
  const isInSnapshot = at > 0 && at < segments.length - 1;
  return isInSnapshot ? [realRoot, segments.slice(0, at).join(sep)] : [realRoot];
}

/** Whether a resolved path is a root itself or below it. */
export function isInside(realPath: string, root: string): boolean {
  return realPath === root || realPath.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** @throws FormatError TENON_PATH_ESCAPES */
export function checkLink(path: string, realPath: string, roots: readonly string[]): void {
  if (roots.some((root) => isInside(realPath, root))) return;
  throw new FormatError(
    "TENON_PATH_ESCAPES",
    `${JSON.stringify(path)} is a symbolic link out of the directory it is in`,
    {
      details: { path, target: realPath, roots },
      hint: "Point at the directory that holds the file itself, or copy the file in its link's place.",
    },
  );
}
