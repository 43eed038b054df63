import type { MergeReport } from "../verbs/index.ts";
import { bytesText, counted } from "./amounts.ts";
import type { Sections } from "./sections.ts";

const steps: Readonly<Record<string, string>> = {
  addLowRank: "get a low-rank delta",
  dora: "get a DoRA delta",
};

/** What a plan did, or would do. */
export function sayExplanation(
  sections: Sections,
  { files, copied, cast, changed, bytesRead, bytesWritten }: MergeReport["explanation"],
  isDryRun: boolean,
): void {
  const parts = [
    ...Object.entries(changed).map(([kind, count]) => `${count} ${steps[kind] ?? `change by ${kind}`}`),
    ...(cast > 0 ? [`${cast} take another dtype`] : []),
    `${copied} are copied`,
  ];
  sections.say("tensors", parts.join(", "));
  const withTensors = files.filter(({ tensors }) => tensors > 0).length;
  sections.say(
    isDryRun ? "would read" : "read",
    `${bytesText(bytesRead)}, ${isDryRun ? "write" : "wrote"} ${bytesText(bytesWritten)} in ${counted(withTensors, "weight file")}`,
  );
}
