import { closeSync, readFileSync, truncateSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  closeFileSync,
  openToReadSync,
  openToWriteSync,
  readSyncFully,
  writeSyncFully,
} from "../../../src/bytes/node/index.ts";
import { ioError } from "../../../src/bytes/node/io-error.ts";
import { put, scratch } from "./scratch.ts";

describe("synchronous reads and writes", () => {
  it("are positional, and keep what they do not touch", async () => {
    await using root = await scratch();
    const path = await put(root.path, "a", "0123456789");
    const writing = openToWriteSync(path);
    writeSyncFully(writing, 3, Buffer.from("abc"), path);
    closeFileSync(writing, path);
    expect(readFileSync(path, "utf8")).toBe("012abc6789");
    const reading = openToReadSync(path);
    const into = new Uint8Array(4);
    readSyncFully(reading, 4, into, path);
    closeFileSync(reading, path);
    expect(Buffer.from(into).toString()).toBe("bc67");
  });

  it("work on views of shared memory", async () => {
    await using root = await scratch();
    const path = await put(root.path, "a", "0123456789");
    const fd = openToWriteSync(path);
    const view = new Uint8Array(new SharedArrayBuffer(8)).subarray(2, 6);
    readSyncFully(fd, 1, view, path);
    writeSyncFully(fd, 6, view, path);
    closeFileSync(fd, path);
    expect(readFileSync(path, "utf8")).toBe("0123451234");
  });

  it("fail on a file that ends early", async () => {
    await using root = await scratch();
    const path = await put(root.path, "a", "0123456789");
    const fd = openToReadSync(path);
    truncateSync(path, 5);
    expect(() => readSyncFully(fd, 3, new Uint8Array(4), path)).toThrow(
      expect.objectContaining({ name: "FormatError", code: "TENON_BYTES_PAST_END" }),
    );
    closeSync(fd);
  });

  it("name the file when it cannot be opened, or the handle is of the wrong kind", async () => {
    expect(() => openToReadSync("/nowhere")).toThrow(expect.objectContaining({ code: "TENON_BYTES_OPEN" }));
    expect(() => openToWriteSync("/nowhere")).toThrow(expect.objectContaining({ code: "TENON_BYTES_OPEN" }));
    await using root = await scratch();
    const path = await put(root.path, "a", "0123456789");
    const fd = openToReadSync(path);
    expect(() => writeSyncFully(fd, 0, new Uint8Array(1), path)).toThrow(
      expect.objectContaining({ name: "ResourceError", code: "TENON_BYTES_WRITE" }),
    );
    closeSync(fd);
    expect(() => readSyncFully(fd, 0, new Uint8Array(1), path)).toThrow(
      expect.objectContaining({ name: "ResourceError", code: "TENON_BYTES_READ" }),
    );
  });

  it("say that the disk is full when a device is", () => {
    const fd = openToWriteSync("/dev/full");
    expect(() => writeSyncFully(fd, 0, new Uint8Array(10), "/dev/full")).toThrow(
      expect.objectContaining({ name: "ResourceError", code: "TENON_DISK_FULL" }),
    );
    closeSync(fd);
  });
});

describe("an error of the system", () => {
  it.each([
    ["ENOSPC", "write", "TENON_DISK_FULL"],
    ["EDQUOT", "write", "TENON_DISK_FULL"],
    ["EIO", "write", "TENON_BYTES_WRITE"],
    ["EIO", "read", "TENON_BYTES_READ"],
    ["EACCES", "open", "TENON_BYTES_OPEN"],
  ] as const)("%s on %s becomes %s, with a hint", (systemCode, doing, code) => {
    const cause = Object.assign(new Error("x"), { code: systemCode });
    const error = ioError(cause, doing, "/a/b");
    expect(error).toMatchObject({ name: "ResourceError", code, cause, details: { systemCode } });
    expect(error.message).toContain("/a/b");
    expect(error.hint).toBeDefined();
  });

  it("that is none is not disguised as one", () => {
    expect(() => ioError(new TypeError("a bug"), "read", "a")).toThrow(TypeError);
  });
});
