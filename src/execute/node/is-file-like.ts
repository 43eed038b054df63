import { stat } from "node:fs/promises";
import { openFile } from "../../bytes/node/index.ts";
import type { PlannedFile } from "../schedule.ts";

/** Whether a local file has this length and holds these fixed bytes: then it can be copied instead of written. */
export async function isFileLike(
  localPath: string,
  byteLength: number,
  fixed: PlannedFile["fixed"],
): Promise<boolean> {
  if ((await stat(localPath)).size !== byteLength) return false;
  const source = await openFile(localPath, { path: localPath, location: localPath });
  try {
    for (const { byteOffset, bytes } of fixed) {
      const found = new Uint8Array(bytes.length);
      await source.read(byteOffset, found);
      if (!found.every((byte, i) => byte === bytes[i])) return false;
    }
    return true;
  } finally {
    await source.close();
  }
}
