import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { steps } from "../../scripts/demo/story.ts";
import { tell } from "../../scripts/demo/tell.ts";

describe("the demo", () => {
  it("is true from the loss to the logits, and leaves nothing behind", () => {
    const own = mkdtempSync(join(tmpdir(), "tenon-story-"));
    vi.stubEnv("TMPDIR", own);
    let text = "";
    expect(tell((part) => (text += part))).toEqual([]);
    expect(text).toMatch(/served \(merged by tenon\) +\S+e-7 +agrees/);
    expect(text).toMatch(/unnoticed \(the base was lost\) +\S+e-1 +another model/);
    expect(text).not.toMatch(/tenon-demo-/);
    expect(readdirSync(own)).toEqual([]);
    rmdirSync(own);
    vi.unstubAllEnvs();
  }, 120_000);

  it("says so when a command answers otherwise, and goes no further", () => {
    const [first, ...others] = steps;
    if (first === undefined) throw new Error("the story is empty");
    const wrong = { ...first, exitCode: 3, shows: ["a trained base"] };
    let text = "";
    const [exit = "", missing = "", ...more] = tell((part) => (text += part), [wrong, ...others]);
    expect(exit).toMatch(/^tenon inspect run\/checkpoint-3: exit 0, not 3/);
    expect(missing).toBe('tenon inspect run/checkpoint-3: does not say "a trained base"');
    expect(more).toEqual([]);
    expect(text).not.toMatch(/tenon doctor run\/checkpoint-3\n[^\n]/);
  });
});
