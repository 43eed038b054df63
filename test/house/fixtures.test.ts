import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../fixtures");
const { files } = JSON.parse(readFileSync(join(root, "MANIFEST.json"), "utf8")) as {
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
};

describe("the fixtures", () => {
  const present = readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .split(sep)
        .join("/"),
    )
    .filter((path) => path !== "MANIFEST.json" && path !== "README.md" && !path.startsWith("make/"));

  it("are the files of the manifest, to the byte", () => {
    expect(present.sort()).toEqual(Object.keys(files).sort());
    const changed = present.filter((path) => {
      const bytes = readFileSync(join(root, path));
      return createHash("sha256").update(bytes).digest("hex") !== files[path]?.sha256;
    });
    expect(changed).toEqual([]);
  });

  it("stay below 20 MB, as a clone should", () => {
    const total = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(total).toBeLessThan(20e6);
  });
});
