import { inspect } from "../../index.ts";
import type { Command } from "../command.ts";
import { inspectionText } from "../inspection/text.ts";
import { readOptions, runOptions } from "../verb-options.ts";

export const inspectCommand: Command = async (call) => {
  const [source = ""] = call.arguments;
  const { base, tensors } = call.options;
  const report = await inspect(source, {
    ...(await readOptions(call)),
    ...runOptions(call),
    ...(base !== undefined && { base }),
    ...(tensors && { tensors }),
  });
  return { report, text: inspectionText(report), exitCode: 0 };
};
