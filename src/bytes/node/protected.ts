import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { UsageError } from "../../core/index.ts";
import { isInside } from "./link-roots.ts";

/**
 * `--force` removes what is at the target, so a slip (`-o . --force`, `-o ~ --force`) would be costly: directories that
 * hold the working directory or the user's home are never replaced.
 * @throws UsageError TENON_OUTPUT_PROTECTED
 */
export async function refuseProtected(target: string): Promise<void> {
  const real = join(await realpath(dirname(target)), basename(target));
  for (const precious of [process.cwd(), await realpath(homedir()).catch(() => homedir())]) {
    if (!isInside(precious, real)) continue;
    throw new UsageError("TENON_OUTPUT_PROTECTED", `--force would remove ${precious} (${target})`, {
      details: { path: target },
      hint: "Name a directory of its own as the output.",
    });
  }
}
