import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { directoryTree, localTree, openFile } from "../../../src/bytes/node/index.ts";
import { sourceContract } from "../../contract/source.contract.ts";
import { put, scratch } from "./scratch.ts";

let directory: Awaited<ReturnType<typeof scratch>>;
sourceContract({
  name: "a local directory",
  async make(files) {
    directory = await scratch();
    for (const [path, bytes] of files) await put(directory.path, path, bytes);
    return localTree(directory.path);
  },
  cleanUp: () => directory[Symbol.asyncDispose](),
});

const escapes = { name: "FormatError", code: "TENON_PATH_ESCAPES" };
const listed = async (tree: { list(): Promise<readonly { path: string }[]> }): Promise<string[]> =>
  (await tree.list()).map(({ path }) => path);

describe("a local path", () => {
  it("that does not exist is a usage error", async () => {
    await using root = await scratch();
    for (const path of ["nowhere", "file/below"]) {
      await put(root.path, "file");
      await expect(localTree(join(root.path, path))).rejects.toMatchObject({
        name: "UsageError",
        code: "TENON_SOURCE_NOT_FOUND",
      });
    }
  });

  it("of a file is a tree of that file alone, wherever a link leads", async () => {
    await using root = await scratch();
    const real = await put(root.path, "blobs/abc", "12345");
    await mkdir(join(root.path, "here"));
    await symlink(real, join(root.path, "here/model.safetensors"));
    const tree = await localTree(join(root.path, "here/model.safetensors"));
    expect(tree.isSingleFile).toBe(true);
    expect(await tree.list()).toEqual([{ path: "model.safetensors", byteLength: 5 }]);
    const source = await tree.open("model.safetensors");
    expect(source.localPath).toBe(real);
    await source.close();
    await expect(tree.open("other")).rejects.toMatchObject({ code: "TENON_BYTES_OPEN" });
  });

  it("of something that is neither is refused", async () => {
    await expect(localTree("/dev/null").then((tree) => tree.list())).rejects.toMatchObject({
      code: "TENON_BYTES_OPEN",
    });
  });
});

describe("a symbolic link", () => {
  it("inside the tree is followed", async () => {
    await using root = await scratch();
    await put(root.path, "tree/blobs/abc", "12345");
    await mkdir(join(root.path, "tree/latest"));
    await symlink("../blobs/abc", join(root.path, "tree/latest/model.bin"));
    const tree = await localTree(join(root.path, "tree"));
    expect(await listed(tree)).toEqual(["blobs/abc", "latest/model.bin"]);
    const source = await tree.open("latest/model.bin");
    expect(source).toMatchObject({ byteLength: 5, path: "latest/model.bin" });
    await source.close();
  });

  it("out of the tree is listed, and refused when it is found or opened", async () => {
    await using root = await scratch();
    const secret = await put(root.path, "secret", "12345");
    await mkdir(join(root.path, "tree"));
    await symlink(secret, join(root.path, "tree/model.bin"));
    const tree = await localTree(join(root.path, "tree"));
    expect(await listed(tree)).toEqual(["model.bin"]);
    await expect(tree.find("model.bin")).rejects.toMatchObject(escapes);
    await expect(tree.open("model.bin")).rejects.toMatchObject(escapes);
  });

  it("to a directory that only begins like the tree's name is out of the tree", async () => {
    await using root = await scratch();
    await put(root.path, "tree-secret/key");
    await put(root.path, "tree/a");
    await symlink("../tree-secret/key", join(root.path, "tree/key"));
    await expect((await localTree(join(root.path, "tree"))).open("key")).rejects.toMatchObject(escapes);
  });

  it("to a directory outside is not descended into, and refused", async () => {
    await using root = await scratch();
    await put(root.path, "outside/key");
    await put(root.path, "tree/a");
    await symlink("../outside", join(root.path, "tree/data"));
    const tree = await localTree(join(root.path, "tree"));
    expect(await listed(tree)).toEqual(["a"]);
    await expect(tree.open("data/key")).rejects.toMatchObject(escapes);
  });

  it("may lead into a directory that the caller trusts", async () => {
    await using root = await scratch();
    await put(root.path, "disk2/shard.bin");
    await put(root.path, "tree/a");
    await symlink("../disk2/shard.bin", join(root.path, "tree/shard.bin"));
    const tree = await directoryTree(join(root.path, "tree"), { linkRoots: [join(root.path, "disk2")] });
    await (await tree.open("shard.bin")).close();
  });

  it("that leads to itself or to a directory above ends the descent", async () => {
    await using root = await scratch();
    await put(root.path, "tree/sub/a");
    await symlink("..", join(root.path, "tree/sub/up"));
    await symlink("loop", join(root.path, "tree/loop"));
    await symlink("gone", join(root.path, "tree/dangling"));
    const tree = await localTree(join(root.path, "tree"));
    expect(await listed(tree)).toEqual(["sub/a"]);
    expect(await tree.find("dangling")).toBeUndefined();
  });

  it("of a snapshot in a hub cache may lead into the repository's directory, and no further", async () => {
    await using root = await scratch();
    const repo = "hub/models--org--name";
    await put(root.path, `${repo}/blobs/abc`, "12345");
    await put(root.path, "hub/models--org--other/blobs/def");
    await mkdir(join(root.path, `${repo}/snapshots/rev/sub`), { recursive: true });
    await symlink("../../blobs/abc", join(root.path, `${repo}/snapshots/rev/model.safetensors`));
    await symlink("../../../blobs/abc", join(root.path, `${repo}/snapshots/rev/sub/model.safetensors`));
    await symlink("../../../models--org--other/blobs/def", join(root.path, `${repo}/snapshots/rev/other`));
    for (const [at, path] of [
      ["snapshots/rev", "model.safetensors"],
      ["snapshots/rev/sub", "model.safetensors"],
    ]) {
      const tree = await localTree(join(root.path, repo, at as string));
      const source = await tree.open(path as string);
      expect(source.byteLength).toBe(5);
      await source.close();
    }
    const tree = await localTree(join(root.path, repo, "snapshots/rev"));
    await expect(tree.open("other")).rejects.toMatchObject(escapes);
  });

  it("gets no such freedom from a directory that is merely called snapshots", async () => {
    await using root = await scratch();
    await put(root.path, "runs/blobs/abc");
    await mkdir(join(root.path, "runs/snapshots/rev"), { recursive: true });
    await symlink("../../blobs/abc", join(root.path, "runs/snapshots/rev/a"));
    const tree = await localTree(join(root.path, "runs/snapshots/rev"));
    await expect(tree.open("a")).rejects.toMatchObject(escapes);
  });
});

describe("a directory", () => {
  it("that nests too deep is refused when it is listed", async () => {
    await using root = await scratch();
    await put(root.path, `${"d/".repeat(16)}file`);
    await expect((await localTree(root.path)).list()).rejects.toMatchObject({
      name: "UsageError",
      code: "TENON_SOURCE_TOO_LARGE",
    });
    await put(root.path, `other/${"d/".repeat(14)}file`);
    expect(await listed(await localTree(join(root.path, "other")))).toHaveLength(1);
  });
});

describe("a local file", () => {
  it("that is cut off after it was opened is an error, not zeros", async () => {
    await using root = await scratch();
    const path = join(root.path, "a");
    await writeFile(path, new Uint8Array(1000).fill(1));
    const source = await openFile(path);
    await truncate(path, 500);
    await expect(source.read(400, new Uint8Array(200))).rejects.toMatchObject({
      name: "FormatError",
      code: "TENON_BYTES_PAST_END",
    });
    await source.close();
  });

  it("is read past 2^32 bytes", async () => {
    await using root = await scratch();
    const path = join(root.path, "sparse");
    await writeFile(path, "");
    await truncate(path, 2 ** 33 + 10);
    await using source = await openFile(path);
    const into = new Uint8Array(10).fill(9);
    await source.read(2 ** 33, into);
    expect(into).toEqual(new Uint8Array(10));
  });

  it("is named by its path, the error of the system kept", async () => {
    await expect(openFile("/nowhere/at/all")).rejects.toMatchObject({
      code: "TENON_BYTES_OPEN",
      details: { systemCode: "ENOENT" },
      cause: { code: "ENOENT" },
    });
  });
});
