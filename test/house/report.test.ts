import { expect, it } from "vitest";
import { countsOf } from "../../scripts/test-report.ts";

const report = (passed: unknown, failed: unknown, success: boolean): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, success });

it("takes the counts of a report", () => {
  expect(countsOf(report(12, 0, true))).toEqual({ passed: 12, failed: 0 });
  expect(countsOf(report(12, 3, false))).toEqual({ passed: 12, failed: 3 });
});

it("counts a run without tests as a failure", () => {
  expect(countsOf(report(0, 0, true))).toEqual({ passed: 0, failed: 1 });
});

it("counts a run that failed outside its tests as a failure", () => {
  expect(countsOf(report(12, 0, false))).toEqual({ passed: 12, failed: 1 });
});

it.each(["", "[]", "{", report("12", 0, true)])("counts %j, which is no report, as a failure", (text) => {
  expect(countsOf(text)).toEqual({ passed: 0, failed: 1 });
});
