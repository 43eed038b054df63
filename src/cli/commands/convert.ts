import { convert } from "../../index.ts";
import type { Command } from "../command.ts";
import { conversionOptions, conversionText } from "./conversion.ts";

export const convertCommand: Command = async (call) => {
  const [source = ""] = call.arguments;
  const { to = "" } = call.options;
  const report = await convert(source, {
    ...(await conversionOptions(call)),
    to,
    ...(call.options["from-master"] && { fromMaster: true }),
  });
  return { report, text: conversionText(report), exitCode: 0 };
};
