import { PlanError, safeRelativePath } from "../core/index.ts";

/**
 * The names that an output tree has used so far. Refuses a second use, a name that differs only in case or in
 * Unicode composition (one file on macOS and Windows, two on Linux), and a file where a directory is.
 */
export class OutputNames {
  /** Folded path → the spelling that took it, and as what. */
  readonly #taken = new Map<string, { readonly spelling: string; readonly isFile: boolean }>();

  /** @throws FormatError TENON_PATH_UNSAFE, PlanError TENON_OUTPUT_NAME_COLLISION */
  claim(path: string): void {
    safeRelativePath(path, "the output");
    const segments = path.split("/");
    for (let depth = 1; depth <= segments.length; depth++) {
      const spelling = segments.slice(0, depth).join("/");
      const isFile = depth === segments.length;
      const folded = spelling.normalize("NFC").toLowerCase();
      const earlier = this.#taken.get(folded);
      if (earlier === undefined) this.#taken.set(folded, { spelling, isFile });
      else if (isFile || earlier.isFile || earlier.spelling !== spelling) {
        throw new PlanError(
          "TENON_OUTPUT_NAME_COLLISION",
          `output: ${JSON.stringify(path)} collides with ${JSON.stringify(earlier.spelling)}`,
          { details: { path, earlier: earlier.spelling } },
        );
      }
    }
  }
}
