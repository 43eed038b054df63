import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli, ended, start } from "./cli.ts";
import { makeModel } from "./model.ts";

describe("a disk that fails", () => {
  let scratch = "";
  let model: Awaited<ReturnType<typeof makeModel>>;
  let preload = "";

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "tenon-disk-"));
    model = await makeModel(join(scratch, "model"));
    preload = join(scratch, "fail-io.so");
    execFileSync("cc", [
      "-shared",
      "-fPIC",
      "-O1",
      "-o",
      preload,
      join(import.meta.dirname, "fail-io.c"),
      "-ldl",
    ]);
  });
  afterAll(async () => {
    await rm(scratch, { recursive: true, force: true });
  });

  async function merge(
    failure: Record<string, string>,
  ): Promise<{ code: number | null; stderr: string; left: string[] }> {
    const place = await mkdtemp(join(scratch, "place-"));
    const args = [cli, "merge", model.base, model.adapter, "-o", join(place, "out")];
    const { code, stderr } = await ended(start(process.execPath, args, { ...failure, LD_PRELOAD: preload }));
    return { code, stderr, left: await readdir(place) };
  }

  it("does no harm to a run that meets no failure", async () => {
    expect(await merge({})).toMatchObject({ code: 0, left: ["out"] });
  });

  it.each([0, 1, 2 ** 20, 6 * 2 ** 20])(
    "names the shard that cannot be read from byte %i on",
    async (from) => {
      const file = "model-00002-of-00003.safetensors";
      const result = await merge({
        FAIL_CALL: "read",
        FAIL_PATH: `model/base/${file}`,
        FAIL_FROM: String(from),
        FAIL_ERRNO: String(constants.errno.EIO),
      });
      expect(result).toMatchObject({ code: 1, left: [] });
      expect(result.stderr).toMatch(/TENON_BYTES_READ/);
      expect(result.stderr).toContain(file);
    },
  );

  it.each([
    ["ENOSPC", constants.errno.ENOSPC, "TENON_DISK_FULL"],
    ["EIO", constants.errno.EIO, "TENON_BYTES_WRITE"],
  ])("leaves nothing when writing fails halfway: %s", async (_name, errno, code) => {
    const result = await merge({
      FAIL_CALL: "write",
      FAIL_PATH: "model-00003-of-00003.safetensors",
      FAIL_FROM: String(3 * 2 ** 20),
      FAIL_ERRNO: String(errno),
    });
    expect(result).toMatchObject({ code: 1, left: [] });
    expect(result.stderr).toContain(code);
  });

  it("says so before the first byte when the disk is too small, and leaves it as it was", async () => {
    const place = join(scratch, "small");
    await mkdir(place);
    const script = `mount -t tmpfs -o size=4m tmpfs "$1" && shift && place=$1 && shift
      "$@" -o "$place/out"; code=$?; ls -A "$place" >&2; exit $code`;
    const args = [
      "-rm",
      "bash",
      "-c",
      script,
      "bash",
      place,
      place,
      process.execPath,
      cli,
      "merge",
      model.base,
      model.adapter,
    ];
    const { code, stderr } = await ended(start("unshare", args));
    expect(code).toBe(1);
    expect(stderr).toMatch(/TENON_DISK_FULL/);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^hint/);
  });

  it("refuses a shard that was cut short", async () => {
    await truncate(join(model.base, "model-00003-of-00003.safetensors"), 2 ** 20);
    const result = await merge({});
    expect(result).toMatchObject({ code: 3, left: [] });
    expect(result.stderr).toContain("model-00003-of-00003.safetensors");
  });
});
