import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { interpreter } from "./python.ts";

// Adapters that PEFT made, with another rank or a second adapter beside them: PEFT must compute what it did.

const fixtures = join(import.meta.dirname, "../fixtures");
const folder = scratch();
afterAll(() => folder.remove());

describe.each(["linear-f32", "rank-pattern", "rank-pattern-rslora", "rslora", "dora-f32", "embedding"])(
  "%s",
  (kind) => {
    const { base } = JSON.parse(readFileSync(join(fixtures, `merge/${kind}/case.json`), "utf8")) as {
      base: string;
    };
    const adapter = join(fixtures, `merge/${kind}/adapter`);

    it("computes the same in PEFT with a higher rank, and beside a new adapter", async () => {
      const [grown, second] = [join(folder.path, `${kind}-grown`), join(folder.path, `${kind}-second`)];
      await tenon("edit", adapter, "-o", grown, "--to", "peft", "--lora-rank", "default=40");
      // An adapter with DoRA cannot be made: another one stands in.
      const like = kind === "dora-f32" ? join(fixtures, "merge/linear-f32/adapter") : adapter;
      await tenon("edit", like, "-o", second, "--to", "peft", "--add-adapter", "second", "--like", "default");
      const said = execFileSync(
        interpreter,
        [join(import.meta.dirname, "edited.py"), join(fixtures, base), adapter, grown, second],
        { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
      );
      const facts = JSON.parse(said.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
      const { logitsApart, logitsOfBothApart, ...others } = facts;
      expect(others).toEqual({ ranks: [40], scalingsAreEqual: true, mergedAreEqual: true });
      expect(logitsApart).toBeLessThan(1e-5);
      if (kind !== "dora-f32") expect(logitsOfBothApart).toBeLessThan(1e-5);
    });
  },
);
