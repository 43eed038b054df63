import { verify } from "../../index.ts";
import type { VerifyReport } from "../../verbs/index.ts";
import { bytesText, counted } from "../amounts.ts";
import type { Command } from "../command.ts";
import { Sections } from "../sections.ts";
import { readOptions, runOptions } from "../verb-options.ts";

/** Failures and tensors with NaN that are shown; `--json` has all of them. */
const rowsShown = 20;

export const verifyCommand: Command = async (call) => {
  const [source = ""] = call.arguments;
  const report = await verify(source, { ...(await readOptions(call)), ...runOptions(call) });
  return { report, text: verificationText(report), exitCode: report.isSound ? 0 : 1 };
};

const checked: Readonly<Record<VerifyReport["checks"][number]["check"], string>> = {
  structure: "files fit headers, index and manifest",
  read: "tensors can be read to their end",
  files: "other files can be read",
  crc32: "members of zip archives have torch's checksums",
  manifest: "files have the SHA-256 of tenon.json",
  "certificate-tensors": "tensors are those of certificate.json",
  "certificate-files": "files are those of certificate.json",
  reference: "tensors of the base below are those recorded",
};

function verificationText(report: VerifyReport): Sections {
  const {
    location,
    layout,
    tensors,
    files,
    bytes,
    checks,
    failures,
    nonFinite,
    isSound,
    isCompared,
    reference,
  } = report;
  const sections = new Sections()
    .say("source", location)
    .list("read", [`layout ${layout}`, counted(tensors, "tensor"), counted(files, "file"), bytesText(bytes)]);
  for (const { check, count, failed } of checks)
    sections.say(
      "checked",
      `${checked[check]}: ${failed === 0 ? `all ${count}` : `${failed} of ${count} do not`}`,
    );
  if (reference?.isFollowed === false)
    sections.say("note", `the base below was not looked at: ${reference.location}`);
  for (const { name, nan, infinite } of nonFinite.slice(0, rowsShown))
    sections.say("note", `${name} has ${nan} NaN and ${infinite} infinite elements`);
  if (nonFinite.length > rowsShown) sections.say("", `and ${nonFinite.length - rowsShown} more tensors`);
  for (const { check, message } of failures.slice(0, rowsShown))
    sections.say("failed", `${check}: ${message}`);
  if (failures.length > rowsShown) sections.say("", `and ${failures.length - rowsShown} more failures`);
  return sections.say("result", resultText(isSound, isCompared, failures.length));
}

function resultText(isSound: boolean, isCompared: boolean, failures: number): string {
  if (!isSound) return `${counted(failures, "failure")}: this is not what was written`;
  return isCompared
    ? "sound: all of it was read, and it is what was recorded"
    : "sound as far as can be told: all of it was read, and there is nothing to compare it with";
}
