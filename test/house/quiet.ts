// A test that prints is a test whose output nobody reads: console calls fail it. What a test wants to show, it
// asserts. (The product prints through process.stdout, which stays open.)
import { afterEach, beforeEach, expect, vi } from "vitest";

const methods = ["log", "info", "warn", "error", "debug"] as const;

beforeEach(() => {
  for (const method of methods) vi.spyOn(console, method).mockImplementation(() => {});
});

afterEach(() => {
  const printed = methods.flatMap((method) =>
    vi.mocked(console[method]).mock.calls.map((call) => [method, ...call]),
  );
  vi.restoreAllMocks();
  expect(printed, "this test printed to the console").toEqual([]);
});
