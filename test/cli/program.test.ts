import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { spelling } from "../../src/cli/help.ts";
import { verbs } from "../../src/cli/verbs.ts";
import { put, scratch } from "../bytes/node/scratch.ts";
import { fixture } from "../verbs/tenon.ts";
import { makeHybrid } from "./hybrid.ts";
import { cli, start, tenon } from "./program.ts";

const adapter = fixture("merge/linear-bf16/adapter");
const base = fixture("base/llama-bf16");

describe("help", () => {
  it("is printed for nothing and for --help, and lists every verb", async () => {
    const [bare, asked] = await Promise.all([tenon(), tenon("--help")]);
    expect(asked).toEqual(bare);
    expect(asked).toMatchObject({ code: 0, stderr: "" });
    for (const [name, { summary }] of Object.entries(verbs))
      expect(asked.stdout).toContain(`  ${name.padEnd(8)} ${summary.slice(0, 40)}`);
  });

  it.each(Object.entries(verbs))("of %s lists every option, in 100 columns", async (name, { options }) => {
    const { code, stdout } = await tenon(name, "--help");
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    for (const option of options)
      expect(
        lines.some((line) => line.startsWith(`  ${spelling(option)} `) || line === `  ${spelling(option)}`),
      ).toBe(true);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it("comes before everything that is missing", async () => {
    expect(await tenon("merge", "--help", "--threads", "2")).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("the version", () => {
  it("is the package's", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(await tenon("--version")).toEqual({ code: 0, stdout: `tenon ${version}\n`, stderr: "" });
  });

  it("is known without loading a verb", () => {
    const eager = [...readFileSync(cli, "utf8").matchAll(/^import\b[^;]*?"(\.\/[^"]+)"/gm)].map(
      (match) => match[1] ?? "",
    );
    const loaded = eager.map((path) => readFileSync(join(cli, "..", path), "utf8")).join("");
    expect(loaded).not.toContain("TENON_LAYOUT_UNKNOWN");
    expect(readFileSync(cli, "utf8")).not.toContain("TENON_LAYOUT_UNKNOWN");
  });
});

describe("an error", () => {
  it("goes to stderr with its code, and what to do", async () => {
    const { code, stdout, stderr } = await tenon("inspect", "no/such/place");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error TENON_SOURCE_NOT_FOUND: .*\n(hint: .*\n)?$/);
  });

  it("is one JSON document on stdout with --json", async () => {
    const { code, stdout, stderr } = await tenon("inspect", "no/such/place", "--json");
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "TENON_SOURCE_NOT_FOUND", details: {} } });
  });

  it("of usage is JSON too, though nothing could be parsed", async () => {
    const { code, stdout } = await tenon("inspekt", "x", "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      error: {
        code: "TENON_VERB_UNKNOWN",
        details: { nearest: "inspect" },
        hint: 'Did you mean "tenon inspect"?',
      },
    });
  });

  it("has the exit code of its class", async () => {
    await using place = await scratch();
    await put(place.path, "model.safetensors", new Uint8Array(20).fill(255));
    await put(place.path, "out/there");
    const codes = await Promise.all([
      tenon("inspect", place.path),
      tenon("inspect", fixture("torch/refused")),
      tenon("merge", base, adapter, "-o", join(place.path, "out")),
      tenon("merge", adapter, "-o", join(place.path, "other")),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([3, 4, 5, 1]);
    expect(await readdir(place.path)).toEqual(["model.safetensors", "out"]);
  });

  it("of a file named by a flag is a usage error", async () => {
    const { code, stderr } = await tenon("inspect", adapter, "--adapter-config", "nowhere.json");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error TENON_OPTION_FILE: --adapter-config: ENOENT \(nowhere\.json\)\n/);
  });

  it("that lists alternatives has each on a line of its own", async () => {
    await using place = await scratch();
    const { code, stderr } = await tenon("inspect", place.path);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^ {2}hf: /m);
    expect(Math.max(...stderr.split("\n").map((line) => line.length))).toBeLessThan(200);
  });

  it("shows where it came from only when asked", async () => {
    const plain = await tenon("inspect", "no/such/place");
    const debugging = await start(["inspect", "no/such/place"], { TENON_DEBUG: "1" }).ended;
    expect(plain.stderr).not.toMatch(/^\s+at /m);
    expect(debugging.stderr).toMatch(/^\s+at /m);
  });
});

describe("output", () => {
  it("is a report for people, or one document for programs, of the same thing", async () => {
    const [text, json] = await Promise.all([tenon("inspect", base), tenon("inspect", base, "--json")]);
    expect(text).toMatchObject({ code: 0, stderr: "" });
    expect(json).toMatchObject({ code: 0, stderr: "" });
    const { base: found } = JSON.parse(json.stdout) as { base: { tensors: number } };
    expect(text.stdout).toContain(`${found.tensors} tensors`);
  });

  it("says what moved against a base, and when there is nothing to compare", async () => {
    const merged = fixture("merge/linear-bf16/expected");
    const [some, none] = await Promise.all(
      [merged, adapter].map((source) => tenon("inspect", source, "--base", base)),
    );
    expect(some?.stdout).toMatch(/^moved {7}14 of 21 parameters changed, 7 equal bit for bit$/m);
    expect(some?.stdout).toMatch(/^ {4}model\.layers\.\*\.self_attn\.q_proj\.weight {2}2 of 2$/m);
    expect(none?.stdout).toMatch(/^moved {7}nothing to compare: /m);
  });

  it("is nothing with --quiet", async () => {
    expect(await tenon("inspect", base, "-q")).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("keeps progress off stdout", async () => {
    await using place = await scratch();
    const { code, stdout, stderr } = await tenon(
      "merge",
      base,
      adapter,
      "-o",
      join(place.path, "out"),
      "--json",
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ certificate: { verb: "merge" } });
    expect(stderr).toMatch(/^merge done: .*\n$/);
  });

  it("that cannot be written is an error without a stack", async () => {
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [cli, "inspect", base], { stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    const chunks: Buffer[] = [];
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(1);
    expect(Buffer.concat(chunks).toString()).toMatch(/^error: stdout cannot be written: ENOSPC.*\n$/);
  });

  it("may be cut off by the reader", async () => {
    const { child, ended } = start(["inspect", base, "--tensors", "--json"]);
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("a merge", () => {
  it("writes nothing with --dry-run", async () => {
    await using place = await scratch();
    const { code, stdout } = await tenon("merge", base, adapter, "-o", join(place.path, "out"), "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^would read {2}[\d.]+ kB, write [\d.]+ kB in \d+ weight files?$/m);
    expect(stdout).toMatch(/^memory {6}at most \d+MiB for tiles and factors, in (one thread|\d+ threads)/m);
    expect(await readdir(place.path)).toEqual([]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "that gets a %s ends with 130 and leaves nothing",
    async (signal) => {
      await using place = await scratch();
      const { base: large, adapter: small } = await makeHybrid(place.path, 4, 4096);
      await mkdir(join(place.path, "here"));
      const args = [
        "merge",
        large,
        small,
        "-o",
        join(place.path, "here/out"),
        "--prove",
        "full",
        "--threads",
        "1",
      ];
      const { child, ended } = start(args);
      await expect
        .poll(() => readdir(join(place.path, "here")), { timeout: 20_000, interval: 5 })
        .not.toEqual([]);
      child.kill(signal);
      const { code, stdout, stderr } = await ended;
      expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
      expect(stderr).toMatch(/^error TENON_INTERRUPTED: /m);
      expect(await readdir(join(place.path, "here"))).toEqual([]);
    },
  );
});

describe("the doctor", () => {
  const damaged = fixture("damaged/d05-prefix-missing");

  it("ends with 1 when something is wrong, 0 when nothing is, and prints the remedy on one line", async () => {
    const [ill, well] = await Promise.all([tenon("doctor", damaged), tenon("doctor", base)]);
    expect(ill.code).toBe(1);
    expect(ill.stdout).toMatch(/^error {7}TENON_NAMES_PREFIX_MISSING$/m);
    expect(ill.stdout).toMatch(/^ +tenon doctor .*d05-prefix-missing --fix -o .*$/m);
    expect(ill.stdout).toMatch(/^found {7}1 error$/m);
    expect(well).toMatchObject({ code: 0, stdout: expect.stringMatching(/^found {7}nothing wrong$/m) });
  });

  it("repairs into a copy, which it then finds healthy", async () => {
    await using place = await scratch();
    const out = join(place.path, "out");
    const fixed = await tenon("doctor", damaged, "--fix", "-o", out);
    expect(fixed.code).toBe(0);
    expect(fixed.stdout).toMatch(/^repaired {4}TENON_NAMES_PREFIX_MISSING: /m);
    expect((await tenon("doctor", out)).code).toBe(0);
  });

  it("needs --output with --fix, and --fix with what is for writing", async () => {
    expect(await tenon("doctor", damaged, "--fix")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error TENON_OPTION_MISSING: doctor: --output is missing/),
    });
    expect(await tenon("doctor", damaged, "--force")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error TENON_OPTION_NOT_TAKEN: doctor: --force is for --fix/),
    });
  });
});

describe("split, convert, diff and verify", () => {
  it("follow one hybrid from a raw state dict to equal files in another layout", async () => {
    await using place = await scratch();
    const raw = fixture("hybrid/qv/state-dict-with-config");
    const [whole, other] = [join(place.path, "whole"), join(place.path, "other")];
    const split = await tenon("split", raw, "-o", whole);
    expect(split).toMatchObject({ code: 0, stdout: expect.stringMatching(/^output .*whole \(tenon\)$/m) });
    const converted = await tenon("convert", whole, "-o", other, "--to", "peft-hybrid", "--json");
    expect(JSON.parse(converted.stdout)).toMatchObject({
      layout: "peft-hybrid",
      adapters: [{ name: "default" }],
    });
    const same = await tenon("diff", whole, other);
    expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining("equal") });
    const sound = await tenon("verify", whole);
    expect(sound).toMatchObject({ code: 0, stdout: expect.stringMatching(/^result {6}sound: /m) });
  });

  it("end with 0 when checkpoints differ, and 1 when one is damaged", async () => {
    const merged = fixture("merge/linear-bf16/expected");
    const different = await tenon("diff", base, merged);
    expect(different).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^result {6}7 equal, 14 changed$/m),
    });
    const damaged = await tenon("verify", fixture("damaged/shard-truncated"), "--json");
    expect(damaged.code).toBe(1);
    expect(JSON.parse(damaged.stdout)).toMatchObject({ isSound: false });
  });

  it("tell the layers of an adapter from those of the base", async () => {
    const plain = await tenon("diff", base, fixture("merge/linear-bf16/expected"));
    expect(plain.stdout).toMatch(/^ {4}model\.layers\.0 +7 of 9/m);
    const hybrid = fixture("hybrid/qv/state-dict-with-config");
    const changed = await tenon("diff", fixture("hybrid/qv/base"), hybrid);
    expect(changed.stdout).toMatch(/^ {4}default: model\.layers\.0 +4 of 4/m);
  });

  it("refuse a layout that is not written, as unsupported, and one that is not there, as usage", async () => {
    await using place = await scratch();
    const to = (layout: string): Promise<{ code: number | null }> =>
      tenon("convert", base, "-o", join(place.path, "out"), "--to", layout);
    expect([(await to("gguf")).code, (await to("bananas")).code]).toEqual([4, 2]);
  });
});
