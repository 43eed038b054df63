import { FormatError } from "./errors.ts";

/**
 * Checks a relative path that came out of a file (a shard name in index.json, an adapter name) before it is
 * joined to a directory. Allowed: non-empty segments separated by `/`, none of them `.` or `..`, no backslash,
 * no NUL or control character, no drive letter, at most 255 bytes a segment.
 * @throws FormatError TENON_PATH_UNSAFE
 */
export function safeRelativePath(path: string, from: string): string {
  const segments = path.split("/");
  const bad = segments.some(
    (segment) =>
      segment === "" || segment === "." || segment === ".." || new TextEncoder().encode(segment).length > 255,
  );
  if (bad || /[\\\u0000-\u001f\u007f]/.test(path) || /^[A-Za-z]:/.test(path)) {
    throw new FormatError("TENON_PATH_UNSAFE", `unsafe path ${JSON.stringify(path)}, named in ${from}`, {
      details: { path, from },
      hint: "Do not use this checkpoint unless you trust where it comes from.",
    });
  }
  return path;
}

/** As {@link safeRelativePath}, for a name that must be one path segment. */
export function safeFileName(name: string, from: string): string {
  if (name.includes("/")) {
    throw new FormatError("TENON_PATH_UNSAFE", `unsafe file name ${JSON.stringify(name)}, named in ${from}`, {
      details: { path: name, from },
    });
  }
  return safeRelativePath(name, from);
}
