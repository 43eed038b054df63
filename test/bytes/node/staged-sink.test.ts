import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { SinkTree } from "../../../src/bytes/index.ts";
import { directorySink, singleFileSink } from "../../../src/bytes/node/index.ts";
import { stagingPathsFor } from "../../../src/bytes/node/leftovers.ts";
import { sinkContract } from "../../contract/sink.contract.ts";
import { filesIn, put, scratch } from "./scratch.ts";

const shared = await scratch();
afterAll(() => shared[Symbol.asyncDispose]());
const copied = new Uint8Array(100_000).fill(42);
const localFile = { path: await put(shared.path, "copied.bin", copied), bytes: copied };

let root: Awaited<ReturnType<typeof scratch>>;
sinkContract({
  name: "a local directory",
  async make() {
    root = await scratch();
    return directorySink(join(root.path, "out"));
  },
  written: () => filesIn(join(root.path, "out")),
  localFile,
  cleanUp: () => root[Symbol.asyncDispose](),
});

/** Writes one small file and commits. */
async function write(sink: SinkTree, path: string, text: string): Promise<void> {
  const file = await sink.create(path, text.length);
  await file.write(0, Buffer.from(text));
  await file.close();
}
const textIn = async (path: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    [...((await filesIn(path)) ?? [])].map(([name, bytes]) => [name, Buffer.from(bytes).toString()]),
  );
const exists = { name: "ConflictError", code: "TENON_OUTPUT_EXISTS", exitCode: 5 };

describe("an output directory", () => {
  it("grows in a hidden directory beside its target, which says where", async () => {
    await using here = await scratch();
    const sink = await directorySink(join(here.path, "out"));
    const file = await sink.create("model.bin", 1000);
    const [hidden, ...others] = await readdir(here.path);
    expect(others).toEqual([]);
    expect(hidden).toMatch(/^\.tenon-out-.*\.partial$/);
    expect(file.localPath).toBe(join(here.path, hidden as string, "model.bin"));
    expect((await stat(file.localPath as string)).size).toBe(1000);
    await file.close();
    await sink.commit();
    expect(await readdir(here.path)).toEqual(["out"]);
  });

  it("that exists is a conflict at the start: a directory, a file, an empty directory, a dangling link", async () => {
    await using here = await scratch();
    await put(here.path, "directory/a");
    await put(here.path, "file");
    await mkdir(join(here.path, "empty"));
    await symlink("nowhere", join(here.path, "link"));
    const before = await readdir(here.path);
    for (const name of before)
      await expect(directorySink(join(here.path, name))).rejects.toMatchObject(exists);
    expect(await readdir(here.path)).toEqual(before);
  });

  it("that appears meanwhile is a conflict at the end, and is kept", async () => {
    await using here = await scratch();
    const target = join(here.path, "out");
    await using sink = await directorySink(target);
    await write(sink, "a", "ours");
    await put(target, "a", "theirs");
    await expect(sink.commit()).rejects.toMatchObject(exists);
    await sink.abort();
    expect(await textIn(here.path)).toEqual({ "out/a": "theirs" });
  });

  it("with force keeps the old one until the new one is complete", async () => {
    await using here = await scratch();
    const target = join(here.path, "out");
    await put(target, "old/a", "old");
    const sink = await directorySink(target, { force: true });
    await write(sink, "b", "new");
    expect(await textIn(target)).toEqual({ "old/a": "old" });
    await sink.commit();
    expect(await textIn(here.path)).toEqual({ "out/b": "new" });
  });

  it("with force, aborted, leaves the old one as it was", async () => {
    await using here = await scratch();
    await put(here.path, "out/a", "old");
    const sink = await directorySink(join(here.path, "out"), { force: true });
    await write(sink, "b", "new");
    await sink.abort();
    expect(await textIn(here.path)).toEqual({ "out/a": "old" });
  });

  it("with force replaces a file, and a link without following it", async () => {
    await using here = await scratch();
    await put(here.path, "elsewhere/a", "kept");
    await symlink("elsewhere", join(here.path, "link"));
    await put(here.path, "file", "old");
    for (const name of ["link", "file"]) {
      const sink = await directorySink(join(here.path, name), { force: true });
      await write(sink, "b", "new");
      await sink.commit();
    }
    expect(await textIn(here.path)).toEqual({ "elsewhere/a": "kept", "link/b": "new", "file/b": "new" });
  });

  it("never replaces the working directory, the user's home, or what is above them", async () => {
    for (const path of [".", "..", "/", homedir(), dirname(homedir())]) {
      const refusal = { name: "UsageError", code: "TENON_OUTPUT_PROTECTED" };
      await expect(directorySink(path, { force: true })).rejects.toMatchObject(refusal);
    }
  });

  it("makes missing parents, and takes back the ones it made when it is aborted", async () => {
    await using here = await scratch();
    const sink = await directorySink(join(here.path, "a/b/c"));
    await sink.abort();
    expect(await readdir(here.path)).toEqual([]);
    const again = await directorySink(join(here.path, "a/b/c"));
    await put(here.path, "a/other");
    await again.abort();
    expect(await readdir(join(here.path, "a"))).toEqual(["other"]);
  });

  it("below a file is a conflict that says so, at any depth", async () => {
    await using root = await scratch();
    const file = await put(root.path, "model.pt", copied);
    for (const target of [join(file, "out"), join(file, "deep", "out")])
      await expect(directorySink(target)).rejects.toMatchObject({
        name: "ConflictError",
        code: "TENON_OUTPUT_BELOW_FILE",
        exitCode: 5,
      });
    expect((await stat(file)).size).toBe(copied.length);
  });

  it("is refused before the first byte when it cannot fit on the disk", async () => {
    await using here = await scratch();
    const target = join(here.path, "deep/out");
    await expect(directorySink(target, { totalBytes: 2 ** 52 })).rejects.toMatchObject({
      name: "ResourceError",
      code: "TENON_DISK_FULL",
      details: { neededBytes: 2 ** 52 },
    });
    expect(await readdir(here.path)).toEqual([]);
  });

  it("is aborted when it goes out of scope without a commit", async () => {
    await using here = await scratch();
    {
      await using sink = await directorySink(join(here.path, "out"));
      await write(sink, "a", "x");
    }
    expect(await readdir(here.path)).toEqual([]);
  });

  it("keeps the permissions of a copied file, also of one that may not be written", async () => {
    await using here = await scratch();
    const from = await put(here.path, "from", "x");
    await chmod(from, 0o444);
    const sink = await directorySink(join(here.path, "out"));
    expect(await sink.copyLocal("copy", from)).toBe(true);
    await sink.commit();
    expect((await stat(join(here.path, "out/copy"))).mode % 0o1000).toBe(0o444);
  });

  it("does not copy what is not a file, and says which file is missing", async () => {
    await using here = await scratch();
    await using sink = await directorySink(join(here.path, "out"));
    expect(await sink.copyLocal("copy", here.path)).toBe(false);
    await expect(sink.copyLocal("copy", join(here.path, "gone"))).rejects.toMatchObject({
      code: "TENON_BYTES_OPEN",
      message: expect.stringContaining("gone"),
    });
  });

  it("may have a name as long as names can be", async () => {
    await using here = await scratch();
    for (const name of ["n".repeat(255), "漢".repeat(85)]) {
      const sink = await directorySink(join(here.path, name));
      await write(sink, "a", "x");
      await sink.commit();
    }
    expect(await readdir(here.path)).toHaveLength(2);
  });
});

describe("an output file", () => {
  it("appears under the target's name, whatever it is called inside", async () => {
    await using here = await scratch();
    const sink = await singleFileSink(join(here.path, "out.safetensors"));
    await write(sink, "model.safetensors", "new");
    expect(await readdir(here.path)).toHaveLength(1);
    await expect(sink.create("second", 1)).rejects.toMatchObject({
      name: "PlanError",
      code: "TENON_OUTPUT_ONE_FILE",
    });
    await sink.commit();
    expect(await textIn(here.path)).toEqual({ "out.safetensors": "new" });
  });

  it("is a conflict when the name is taken, at the start or meanwhile", async () => {
    await using here = await scratch();
    const target = join(here.path, "out");
    await using sink = await singleFileSink(target);
    await write(sink, "a", "ours");
    await writeFile(target, "theirs");
    await expect(singleFileSink(target)).rejects.toMatchObject(exists);
    await expect(sink.commit()).rejects.toMatchObject(exists);
    await sink.abort();
    expect(await textIn(here.path)).toEqual({ out: "theirs" });
  });

  it("with force replaces a file or a directory", async () => {
    await using here = await scratch();
    await put(here.path, "file", "old");
    await put(here.path, "directory/a", "old");
    for (const name of ["file", "directory"]) {
      const sink = await singleFileSink(join(here.path, name), { force: true });
      await write(sink, "a", "new");
      await sink.commit();
    }
    expect(await textIn(here.path)).toEqual({ file: "new", directory: "new" });
  });
});

/** Names of staging directories, as a process that is dead by now made them. */
async function stagingOfTheDead(target: string): Promise<{ partial: string; old: string }> {
  const names = stagingPathsFor(target);
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  const dead = (path: string): string => path.replace(`-${process.pid}-`, `-${child.pid}-`);
  return { partial: dead(names.partial), old: dead(names.old) };
}

describe("what a killed run left", () => {
  it("is removed by the next run", async () => {
    await using here = await scratch();
    const { partial } = await stagingOfTheDead(join(here.path, "other"));
    await put(partial, "a/b", "half");
    await using _sink = await directorySink(join(here.path, "out"));
    expect((await readdir(here.path)).map((name) => name.split("-")[1])).toEqual(["out"]);
  });

  it("is put back where it was when the run died between the two renames of --force", async () => {
    await using here = await scratch();
    const target = join(here.path, "out");
    const { partial, old } = await stagingOfTheDead(target);
    await put(partial, "a", "new");
    await put(old, "a", "old");
    await expect(directorySink(target)).rejects.toMatchObject(exists);
    expect(await textIn(here.path)).toEqual({ "out/a": "old" });
  });

  it("does not bring back what a finished run had begun to remove, when the new output was deleted since", async () => {
    await using here = await scratch();
    const target = join(here.path, "out");
    const { old } = await stagingOfTheDead(target);
    await put(old, "half", "old");
    await using sink = await directorySink(target);
    await sink.commit();
    expect(await textIn(here.path)).toEqual({});
  });

  it("is removed when the run died after them", async () => {
    await using here = await scratch();
    const target = join(here.path, "out");
    const { old } = await stagingOfTheDead(target);
    await put(target, "a", "new");
    await put(old, "a", "old");
    await expect(directorySink(target)).rejects.toMatchObject(exists);
    expect(await textIn(here.path)).toEqual({ "out/a": "new" });
  });

  it("is not touched while its process lives, on another machine, or when it is not ours", async () => {
    await using here = await scratch();
    const target = join(here.path, "out");
    const living = await directorySink(target);
    const { partial } = await stagingOfTheDead(target);
    const foreign = partial.replace(/-[0-9a-f]{8}-(\d+-\d+)-/, "-00000000-$1-");
    await put(foreign, "a");
    await put(here.path, ".tenon-notes.partial/a");
    const before = await readdir(here.path);
    await (await directorySink(target)).abort();
    expect(await readdir(here.path)).toEqual(before);
    await living.abort();
  });

  it("is told from a new process that got the same number", async () => {
    await using here = await scratch();
    const target = join(here.path, "out");
    const { partial } = stagingPathsFor(target);
    const reused = partial.replace(/-\d+-([0-9a-f]{8}\.partial)$/, "-12345-$1");
    await put(reused, "a");
    await (await directorySink(target)).abort();
    expect(await readdir(here.path)).toEqual([]);
  });
});

describe("a run that is killed", () => {
  const program = join(import.meta.dirname, "killed-run.ts");

  it.each([
    ["directory", false],
    ["directory", true],
    ["file", true],
  ] as const)(
    "leaves the old output or the new one, never half of one (%s, old one there: %s)",
    async (kind, isReplacing) => {
      for (let round = 0; round < 4; round++) {
        await using here = await scratch();
        const target = join(here.path, "out");
        if (isReplacing) await put(target, "a", "old");
        const child = spawn(process.execPath, ["--import", "tsx", program, target, kind], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        // The program says when it starts to write; from there on it is killed at another moment each round.
        await once(child.stdout, "data");
        setTimeout(() => child.kill("SIGKILL"), round * 7);
        await once(child, "exit");
        const next = await directorySink(target, { force: true });
        const found = await filesIn(target);
        const state = await stat(target).then(
          (stats) => (stats.isFile() ? "new file" : "directory"),
          () => "nothing",
        );
        if (state === "directory") {
          const isOld = Buffer.from(found?.get("a") ?? []).toString() === "old";
          const isNew =
            found?.size === 20 &&
            [...found.values()].every(
              (bytes) => bytes.length === 10_000 && bytes.every((byte) => byte === 7),
            );
          expect(isReplacing ? isOld || isNew : isNew).toBe(true);
        } else if (state === "nothing") expect(isReplacing).toBe(false);
        else expect((await stat(target)).size).toBe(10_000);
        await next.abort();
        expect((await readdir(here.path)).filter((name) => name !== "out")).toEqual([]);
      }
    },
    60_000,
  );
});

/** A disk of 256 kB, where this user may mount one. */
async function smallDisk(): Promise<({ readonly path: string } & AsyncDisposable) | undefined> {
  const path = await mkdtemp("/tmp/tenon-disk-");
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", path], { stdio: "ignore" });
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync("umount", [path]);
      await rm(path, { recursive: true });
    },
  };
}

it("a disk that fills up is named, and nothing stays on it", async (context) => {
  const disk = await smallDisk();
  if (disk === undefined) return context.skip("needs the right to mount");
  await using _disk = disk;
  await using sink = await directorySink(join(disk.path, "out"));
  const file = await sink.create("a", 1_000_000);
  const full = { name: "ResourceError", code: "TENON_DISK_FULL" };
  await expect(file.write(0, new Uint8Array(1_000_000))).rejects.toMatchObject(full);
  await expect(
    sink.copyLocal("b", await put(shared.path, "large", new Uint8Array(500_000))),
  ).rejects.toMatchObject(full);
  await sink.abort();
  expect(await readdir(disk.path)).toEqual([]);
});

it("an old output survives when the new one cannot take its place", async () => {
  await using here = await scratch();
  const target = join(here.path, "out");
  await put(target, "a", "old");
  const sink = await directorySink(target, { force: true });
  await write(sink, "b", "new");
  const [staging] = (await readdir(here.path)).filter((name) => name.startsWith("."));
  await rename(join(here.path, staging as string), join(here.path, "stolen"));
  await expect(sink.commit()).rejects.toMatchObject({ name: "ResourceError", code: "TENON_BYTES_WRITE" });
  expect(await textIn(target)).toEqual({ a: "old" });
});
