import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { UsageError } from "../../core/index.ts";
import { isInside } from "./link-roots.ts";

/**
 * `--force` removes what is at the target, so a slip (`-o . --force`, `-o ~ --force`) would be costly: directories that
 * hold the working directory or the user's home are never replaced.
 * Nor is a source of the output: a delta would lose the base that it stands on, and a slip the only copy of a model.
 * @throws UsageError TENON_OUTPUT_PROTECTED, TENON_OUTPUT_HOLDS_SOURCE
 */
export async function refuseProtected(target: string, sources: readonly string[] = []): Promise<void> {
  const real = join(await realpath(dirname(target)), basename(target));
  for (const precious of [process.cwd(), await realpath(homedir()).catch(() => homedir())]) {
    if (!isInside(precious, real)) continue;
    throw new UsageError("TENON_OUTPUT_PROTECTED", `--force would remove ${precious} (${target})`, {
      details: { path: target },
      hint: "Name a directory of its own as the output.",
    });
  }
  for (const source of sources) {
    // An address is no path; what is not there cannot be lost.
    const found = await realpath(source).catch(() => undefined);
    if (found === undefined || !isInside(found, real)) continue;
    const message = `--force would remove ${source}, which the output is made from (${target})`;
    throw new UsageError("TENON_OUTPUT_HOLDS_SOURCE", message, {
      details: { path: target, source },
      hint: "Write to another directory, and remove the old one afterwards.",
    });
  }
}
