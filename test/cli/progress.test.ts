import { describe, expect, it } from "vitest";
import { type ProgressStream, showProgress } from "../../src/cli/progress.ts";

function stream(isTTY: boolean, columns = 80): ProgressStream & { readonly written: string[] } {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text) => written.push(text) };
}

const clear = "\r\u001b[K";

describe("on a terminal", () => {
  it("a bar with percent, amounts, rate and time left is redrawn in place", () => {
    const [tty, clock] = [stream(true), { ms: 0 }];
    const shown = showProgress(tty, () => clock.ms);
    clock.ms = 1000;
    shown.report({ task: "merge", doneBytes: 1e9, totalBytes: 4e9 });
    expect(tty.written).toEqual([
      `${clear}merge  25 % █████░░░░░░░░░░░░░░░░░░  1.00 GB of 4.00 GB  1.00 GB/s  3.0 s left`,
    ]);
  });

  it("is redrawn at most ten times a second and cleared at the end", () => {
    const [tty, clock] = [stream(true), { ms: 0 }];
    const shown = showProgress(tty, () => clock.ms);
    for (clock.ms = 1; clock.ms <= 1000; clock.ms++)
      shown.report({ task: "merge", doneBytes: clock.ms, totalBytes: 1000 });
    expect(tty.written.length).toBeGreaterThan(5);
    expect(tty.written.length).toBeLessThanOrEqual(11);
    shown.end(true);
    expect(tty.written.at(-1)).toBe(clear);
  });

  it("takes 80 columns where the terminal does not say", () => {
    const [tty, clock] = [stream(true, 0), { ms: 0 }];
    const shown = showProgress(tty, () => clock.ms);
    clock.ms = 1000;
    shown.report({ task: "merge", doneBytes: 1e9, totalBytes: 4e9 });
    expect(tty.written[0]).toMatch(/ 3\.0 s left$/);
  });

  it.each([20, 40, 60, 200])("never writes past %d columns", (width) => {
    const [tty, clock] = [stream(true, width), { ms: 0 }];
    const shown = showProgress(tty, () => clock.ms);
    clock.ms = 123_456;
    shown.report({ task: "merge", doneBytes: 123_456_789, totalBytes: 987_654_321_000 });
    expect(tty.written[0]?.replace(clear, "").length).toBeLessThan(width);
  });
});

describe("elsewhere", () => {
  it("is a line every five seconds and one at the end, without control characters", () => {
    const [pipe, clock] = [stream(false), { ms: 0 }];
    const shown = showProgress(pipe, () => clock.ms);
    for (clock.ms = 100; clock.ms <= 12_000; clock.ms += 100)
      shown.report({ task: "verify", doneBytes: clock.ms * 1e6, totalBytes: 12e9 });
    shown.end(true);
    expect(pipe.written).toEqual([
      "verify  41 %  5.00 GB of 12.0 GB  1.00 GB/s  7.0 s left\n",
      "verify  83 %  10.0 GB of 12.0 GB  1.00 GB/s  2.0 s left\n",
      "verify done: 12.0 GB in 12 s, 992 MB/s\n",
    ]);
  });

  it("ends one task before the next begins, each with its own rate", () => {
    const [pipe, clock] = [stream(false), { ms: 0 }];
    const shown = showProgress(pipe, () => clock.ms);
    clock.ms = 1000;
    shown.report({ task: "verify", doneBytes: 4e9, totalBytes: 4e9 });
    clock.ms = 2000;
    shown.report({ task: "checksums", doneBytes: 0, totalBytes: 1e9 });
    clock.ms = 4000;
    shown.report({ task: "checksums", doneBytes: 1e9, totalBytes: 1e9 });
    shown.end(true);
    expect(pipe.written).toEqual([
      "verify done: 4.00 GB in 2.0 s, 2.00 GB/s\n",
      "checksums done: 1.00 GB in 2.0 s, 500 MB/s\n",
    ]);
  });

  it("says nothing when nothing was read, and no end when it failed", () => {
    const pipe = stream(false);
    showProgress(pipe, () => 0).end(true);
    const failed = showProgress(pipe, () => 0);
    failed.report({ task: "merge", doneBytes: 1, totalBytes: 2 });
    failed.end(false);
    expect(pipe.written).toEqual([]);
  });
});
