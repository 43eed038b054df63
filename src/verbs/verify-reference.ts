import { type Checkpoint, isTenonError } from "../core/index.ts";
import { baseLayersOf } from "./base-source.ts";
import type { Host } from "./host.ts";
import type { Verification, VerifyReport } from "./verification.ts";
import type { VerifyOptions } from "./verify-options.ts";

/**
 * Reads the base that a partial one stands on, where it can be followed, and compares the tensors relied upon with the
 * digests that were recorded.
 * @returns null when the checkpoint stands on nothing
 */
export async function verifyReference(
  host: Host,
  checkpoint: Checkpoint,
  verification: Verification,
  options: VerifyOptions,
): Promise<VerifyReport["reference"]> {
  const reference = checkpoint.base?.isComplete === false ? checkpoint.base.reference : undefined;
  if (reference === undefined) return null;
  const { location, digests } = reference;
  try {
    const { layers, opened } = await baseLayersOf(host, checkpoint, options);
    for (const each of opened) await each.close();
    const isFollowed = layers.length > 1;
    if (isFollowed) verification.looked("reference", digests.size);
    return { location, isFollowed };
  } catch (error) {
    if (!isTenonError(error) || error.code === "TENON_INTERRUPTED") throw error;
    verification.looked("reference", digests.size);
    verification.fail("reference", error.message, { code: error.code });
    return { location, isFollowed: true };
  }
}
