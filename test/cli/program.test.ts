import { readFileSync } from "node:fs";
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
    expect(stdout).toMatch(/^would read/m);
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
