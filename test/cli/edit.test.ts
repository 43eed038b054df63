import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fixture } from "../verbs/tenon.ts";
import { tenon } from "./program.ts";

const work = mkdtempSync(join(tmpdir(), "tenon-edit-"));
afterAll(() => rmSync(work, { recursive: true }));

const zero2 = fixture("zero/z2-w2-bf16");

describe("tenon edit", () => {
  it("prints what changes before it writes, and writes the tenon layout", async () => {
    const out = join(work, "first");
    const { code, stdout } = await tenon(
      ...["edit", zero2, "-o", out, "--alpha", "4", "--freeze", "model.layers.0.*norm.weight"],
      ...[
        "--unfreeze",
        "model.layers.0.self_attn.k_proj.weight",
        "--set",
        "0:lr=1e-4",
        "--set",
        "1:betas=[0.8,0.9]",
      ],
      ...["--lora-rank", "default=4", "--move", "model.norm.weight=0", "--drop", "trainer"],
      ...[
        "--add-adapter",
        "second",
        "--like",
        "default",
        "--group",
        "0",
        "--new-group",
        "lr=1e-5,betas=[0.7,0.8]",
      ],
    );
    expect(code).toBe(0);
    const lines = [
      "step        3",
      "trained     17 → 24 parameters",
      "lr: 0.02 → 0.0001",
      "betas: [0.9,0.999] → [0.8,0.9]",
      "group 2     new → 0 parameters, lr 0.00001, weight_decay 0.1, betas [0.7,0.8]",
      "frozen      2 parameters: model.layers.0.input_layernorm.weight",
      "warning     the fp32 master of 2 parameters is not exactly the stored weight",
      "unfrozen    1 parameter: model.layers.0.self_attn.k_proj.weight (group 0)",
      "moved       1 parameter: model.norm.weight (1 → 0)",
      "adapter     second is new: 4 modules, 8 parameters",
      "adapter     default: rank 2 → 4, alpha 8, in 4 modules",
      "goes        8 tensors",
      "zero moments at step 3",
      "optimizer   state of 24 parameters",
      "output      ",
    ];
    let at = 0;
    for (const line of lines) {
      const found = stdout.indexOf(line, at);
      expect(found, `${line}\n${stdout}`).toBeGreaterThanOrEqual(at);
      at = found;
    }
    expect(existsSync(join(out, "tenon.json"))).toBe(true);
  });

  it("has the difference in its JSON, which is all that stdout has", async () => {
    const out = join(work, "dry");
    const { code, stdout } = await tenon(
      "edit",
      zero2,
      "-o",
      out,
      "--remove-adapter",
      "default",
      "--json",
      "--dry-run",
    );
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as { difference: { adaptersRemoved: string[] } };
    expect(report.difference.adaptersRemoved).toEqual(["default"]);
    expect(existsSync(out)).toBe(false);
  });

  it("takes the config of a new adapter from a file", async () => {
    const out = join(work, "fresh");
    const config = fixture("merge/linear-bf16/adapter/adapter_config.json");
    const args = ["edit", fixture("base/llama-bf16"), "-o", out, "--add-adapter", "fresh", "--seed", "3"];
    const { code, stdout } = await tenon(...args, "--like", config);
    expect([code, stdout]).toEqual([0, expect.stringContaining("fresh is new: 14 modules")]);
    const missing = await tenon(...args, "--like", join(work, "nope.json"));
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("TENON_OPTION_FILE")]);
  });

  it.each([
    [["--add-adapter", "x"], "TENON_OPTION_MISSING"],
    [["--like", "x"], "TENON_OPTION_MISSING"],
    [["--set", "lr=1"], "TENON_OPTION_VALUE"],
    [["--set", "0:lr=fast"], "TENON_OPTION_VALUE"],
    [["--lora-rank", "default"], "TENON_OPTION_VALUE"],
    [["--lora-rank", "default=1.5"], "TENON_OPTION_VALUE"],
    [["--move", "*=x"], "TENON_OPTION_VALUE"],
    [["--new-group", "lr"], "TENON_OPTION_VALUE"],
    [["--new-group", "lr=1,lr=2"], "TENON_OPTION_VALUE"],
    [["--set", "0:lr=1e999"], "TENON_EDIT_SETTING"],
    [["--group", "-1", "--freeze", "*"], "TENON_OPTION_VALUE"],
    [["--freeze", "nothing.*"], "TENON_EDIT_PATTERN_UNMATCHED"],
    [[], "TENON_EDIT_NO_CHANGE"],
  ])("%j is refused: %s", async (args, code) => {
    const { code: exit, stderr } = await tenon("edit", zero2, "-o", join(work, "no"), ...args);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(`error ${code}: `)]);
    expect(existsSync(join(work, "no"))).toBe(false);
  });
});
