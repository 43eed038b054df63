import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import type { Checkpoint } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { universal } from "../../../src/layouts/index.ts";
import { fixturePath } from "../fixtures.ts";

type Files = Map<string, Uint8Array | string>;

/** The same save as that of several steps. */
function saves(...steps: readonly number[]): Files {
  const root = fixturePath("universal/z2-w2-bf16/global_step3_universal");
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).map((path) => join(root, path));
  const files = paths.filter((path) => statSync(path).isFile());
  return new Map(
    steps.flatMap((step) =>
      files.map((path) => [`global_step${step}_universal/${relative(root, path)}`, readFileSync(path)]),
    ),
  );
}

function chosen({ observations }: Checkpoint): unknown {
  return observations.find(({ code }) => code === "TENON_ZERO_TAGS_PASSED_OVER")?.facts;
}

describe("the universal folder of a directory that is read", () => {
  it("is the one that latest_universal names", async () => {
    const files = saves(3, 12).set("latest_universal", "global_step3_universal");
    await using checkpoint = await universal.open(memoryTree(files), { formats });
    expect(chosen(checkpoint)).toEqual({
      read: "global_step3_universal",
      reasons: ["global_step12_universal: latest_universal names global_step3_universal"],
    });
  });

  it("is the newest whole one where nothing is named", async () => {
    const files = saves(3, 9, 12, 15).set("global_step15_universal/tmp/w/0/fp32.00", "");
    files.delete("global_step12_universal/zero/optimizer_state.pt");
    await using checkpoint = await universal.open(memoryTree(files), { formats });
    expect(chosen(checkpoint)).toEqual({
      read: "global_step9_universal",
      reasons: [
        "global_step15_universal: the converter's own tmp folder is still here",
        "global_step12_universal: zero/optimizer_state.pt is missing",
        "global_step3_universal: global_step9_universal is newer",
      ],
    });
  });

  it("is the only one, of which there is nothing to say", async () => {
    await using checkpoint = await universal.open(memoryTree(saves(3)), { formats });
    expect(chosen(checkpoint)).toBeUndefined();
  });
});
