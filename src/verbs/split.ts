import { tenon } from "../layouts/index.ts";
import { type ConversionOptions, writeConversion } from "./conversion.ts";
import type { ConversionReport } from "./conversion-report.ts";
import type { Host, Source } from "./host.ts";

export type SplitOptions = ConversionOptions;
export type SplitReport = ConversionReport;

/** @see Tenon.split */
export async function split(host: Host, source: Source, options: SplitOptions): Promise<SplitReport> {
  const target = options.layouts?.find(({ name }) => name === "tenon") ?? tenon;
  return writeConversion(host, source, { verb: "split", target }, options);
}
