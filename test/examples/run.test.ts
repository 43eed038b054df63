import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences } from "../verbs/golden.ts";
import { fixture } from "../verbs/tenon.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tenon-examples-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Runs an example as its first line says, on the built package. */
function run(name: string, ...given: string[]): { status: number | null; stdout: string; stderr: string } {
  const command = ["--import", "tsx", `examples/${name}.ts`, ...given];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  return { status, stdout, stderr };
}

describe("the example", () => {
  it("read-tensor opens a checkpoint and reads a tensor of it", () => {
    const { status, stdout, stderr } = run("read-tensor", fixture("merge/linear-bf16/adapter"));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(
      /^peft: .*\n.* is loraA, F32 \[16, 96\], 6144 bytes\nfirst bytes: 72d4cf3b28e58a3d\n$/,
    );
  });

  it("read-tensor ends as the command line does where nothing is", () => {
    const { status, stdout, stderr } = run("read-tensor", join(directory, "nothing"));
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^TENON_SOURCE_NOT_FOUND: /);
  });

  it("merge-with-progress merges, and says how far it is", async () => {
    const output = join(directory, "merged");
    const sources = [fixture("base/llama-bf16"), fixture("merge/linear-bf16/adapter")];
    const { status, stdout, stderr } = run("merge-with-progress", ...sources, output);
    expect(stdout).toMatch(/^default: \d+ tensors used, 0 not, \d+ modules\n$/);
    expect(stderr).toMatch(/merge: 100 %\n$/);
    expect(status).toBe(0);
    expect(readdirSync(directory)).toEqual(["merged"]);
    expect(await differences(output, fixture("merge/linear-bf16/expected"))).toEqual([]);
  });
});
