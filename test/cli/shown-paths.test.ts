import { describe, expect, it } from "vitest";
import { seenFrom } from "../../src/cli/shown-paths.ts";

describe("paths in a report", () => {
  it("are written as seen from the working directory", () => {
    expect(seenFrom("/home/me", "tenon split /home/me/run/model.pt -o '/home/me/my out'")).toBe(
      "tenon split run/model.pt -o 'my out'",
    );
    expect(seenFrom("/home/me", "no file (/home/me/a)\n/home/me/b")).toBe("no file (a)\nb");
    expect(seenFrom("C:\\me", "read C:\\me\\run")).toBe("read run");
  });

  it("stay absolute elsewhere, and where the directory is only a part of another path", () => {
    for (const text of [
      "/home/you/a",
      "/mnt/home/me/a",
      "https://x/home/me/a",
      "/home/me2/a",
      "/home/me",
      "-o=/home/me/ x",
    ])
      expect(seenFrom("/home/me", text)).toBe(text);
    expect(seenFrom("/", "/a")).toBe("/a");
  });
});
