import type { MergeReport } from "../verbs/index.ts";
import { bytesText, counted } from "./amounts.ts";
import { left, right } from "./columns.ts";
import type { Sections } from "./sections.ts";

const steps: Readonly<Record<string, string>> = {
  addLowRank: "get a low-rank delta",
  dora: "get a DoRA delta",
};

/** What a plan did, or would do. */
export function sayExplanation(
  sections: Sections,
  { files, copied, cast, changed, bytesRead, bytesWritten, peakMemory }: MergeReport["explanation"],
  isDryRun: boolean,
): void {
  const parts = [
    ...Object.entries(changed).map(([kind, count]) => `${count} ${steps[kind] ?? `change by ${kind}`}`),
    ...(cast > 0 ? [`${cast} take another dtype`] : []),
    `${copied} are copied`,
  ];
  sections.say("tensors", parts.join(", "));
  const weights = files.filter(({ tensors }) => tensors > 0);
  sections.say(
    isDryRun ? "would read" : "read",
    `${bytesText(bytesRead)}, ${isDryRun ? "write" : "wrote"} ${bytesText(bytesWritten)} in ${counted(weights.length, "weight file")}`,
  );
  if (!isDryRun) return;
  const { threads, bytes } = peakMemory;
  const where = threads === 1 ? "in one thread" : `in ${threads} threads`;
  sections.say(
    "memory",
    `at most ${memoryText(bytes)} for tiles and factors, ${where}, beside the runtime's own`,
  );
  sections.table(
    weights.map(({ path, tensors, bytes }) => [
      left(path),
      right(counted(tensors, "tensor")),
      right(bytesText(bytes)),
    ]),
    { more: "files" },
  );
}

/** As `--memory` takes it. */
function memoryText(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)}MiB`;
}
