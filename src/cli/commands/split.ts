import { split } from "../../index.ts";
import type { Command } from "../command.ts";
import { conversionOptions, conversionText } from "./conversion.ts";

export const splitCommand: Command = async (call) => {
  const [source = ""] = call.arguments;
  const report = await split(source, await conversionOptions(call));
  return { report, text: conversionText(report), exitCode: 0 };
};
