import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli, contentsOf, ended, start } from "./cli.ts";
import { makeModel } from "./model.ts";

// Two hundred merges, each killed at a moment of its own, half of them while they replace an older output.

const rounds = 200;
const atOnce = 2;

describe(`a merge that is killed at any moment, ${rounds} times`, () => {
  let scratch = "";
  let model: Awaited<ReturnType<typeof makeModel>>;
  let complete: ReadonlyMap<string, string> | undefined;
  let older: ReadonlyMap<string, string> | undefined;
  let wholeMs = 0;

  // The older output differs from the new one in its certificate, so that the two can be told apart.
  const merge = (output: string, force: boolean, digest = "fast") =>
    start(process.execPath, [
      cli, "merge", model.base, model.adapter, "-o", output, "--quiet", "--digest", digest, ...(force ? ["--force"] : []),
    ]); // biome-ignore format: one command

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "tenon-killed-"));
    model = await makeModel(scratch);
    const began = performance.now();
    const { code, stderr } = await ended(merge(join(scratch, "complete"), false));
    wholeMs = performance.now() - began;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    complete = await contentsOf(join(scratch, "complete"));
    expect((await ended(merge(join(scratch, "older"), false, "none"))).code).toBe(0);
    older = await contentsOf(join(scratch, "older"));
    expect(older).not.toEqual(complete);
  });
  afterAll(async () => {
    await rm(scratch, { recursive: true, force: true });
  });

  it("leaves no output or a complete one, keeps the older one, and the next run cleans up", async () => {
    const tally = { absent: 0, complete: 0, survived: 0 };
    const lane = async (name: string): Promise<void> => {
      const output = join(scratch, name);
      for (let round = 0; round < rounds / atOnce; round++) {
        const isReplacing = round % 2 === 1;
        await rm(output, { recursive: true, force: true });
        if (isReplacing) expect((await ended(merge(output, false, "none"))).code).toBe(0);
        const child = merge(output, isReplacing);
        const end = ended(child);
        // Later than the whole run at times, so that a finished one is among them too.
        const timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * wholeMs * 1.1);
        const { signal } = await end;
        clearTimeout(timer);
        const found = await contentsOf(output);
        if (found === undefined) {
          expect(isReplacing, "the older output is gone").toBe(false);
          expect(signal).toBe("SIGKILL");
          tally.absent++;
        } else if (
          isReplacing &&
          signal === "SIGKILL" &&
          found.get("certificate.json") === older?.get("certificate.json")
        ) {
          expect(found, `round ${round}`).toEqual(older);
          tally.survived++;
        } else {
          expect(found, `round ${round}`).toEqual(complete);
          tally.complete++;
        }
      }
      await rm(output, { recursive: true, force: true });
      expect((await ended(merge(output, false))).code).toBe(0);
    };
    await Promise.all(Array.from({ length: atOnce }, (_, index) => lane(`out-${index}`)));
    expect(tally.absent + tally.survived + tally.complete).toBe(rounds);
    // If no run was killed halfway the loop has shown nothing.
    expect(tally.absent).toBeGreaterThan(rounds / 10);
    expect(tally.survived).toBeGreaterThan(rounds / 10);
    expect((await readdir(scratch)).sort()).toEqual([
      "adapter",
      "base",
      "complete",
      "older",
      "out-0",
      "out-1",
    ]);
  });

  it("ends with 130 and leaves nothing after Ctrl-C", async () => {
    const output = join(scratch, "interrupted");
    let interrupted = 0;
    for (let round = 0; round < 20; round++) {
      const child = merge(output, false);
      const end = ended(child);
      const timer = setTimeout(() => child.kill("SIGINT"), (wholeMs * (round + 1)) / 22);
      const { code, signal } = await end;
      clearTimeout(timer);
      const left = (await readdir(scratch)).filter((name) => name.includes("interrupted"));
      // The signal ends the process by itself before the program has begun to listen, and in the last microseconds, when
      // Node has taken its listeners down and the output is complete.
      const isComplete = code === 0 || (signal === "SIGINT" && left.length > 0);
      expect(left).toEqual(isComplete ? ["interrupted"] : []);
      if (isComplete) expect(await contentsOf(output)).toEqual(complete);
      if (code === 130 || signal === "SIGINT") interrupted++;
      await rm(output, { recursive: true, force: true });
    }
    expect(interrupted).toBeGreaterThan(5);
  });
});
