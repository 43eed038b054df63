import { UnsupportedError, UsageError } from "../core/index.ts";
import { type Layout, layouts as ownLayouts } from "../layouts/index.ts";
import { type ConversionOptions, writeConversion } from "./conversion.ts";
import type { ConversionReport } from "./conversion-report.ts";
import type { Host, Source } from "./host.ts";

export interface ConvertOptions extends ConversionOptions {
  /** Name of the layout to write: one of tenon's own, or one among `layouts`. */
  readonly to: string;
  /**
   * Write the fp32 masters that the optimizer holds as the weights, in F32, and none beside them. They must be what the weights
   * were rounded from.
   */
  readonly fromMaster?: boolean;
}

export type ConvertReport = ConversionReport;

/** @see Tenon.convert */
export async function convert(host: Host, source: Source, options: ConvertOptions): Promise<ConvertReport> {
  const target = targetNamed("convert", options.to, options.layouts ?? ownLayouts);
  return writeConversion(
    host,
    source,
    { verb: "convert", target, ...(options.fromMaster && { fromMaster: true }) },
    options,
  );
}

/** @throws UsageError TENON_LAYOUT_NOT_KNOWN; UnsupportedError TENON_LAYOUT_CANNOT_WRITE */
export function targetNamed(verb: string, name: string, layouts: readonly Layout[]): Layout {
  const found = layouts.find((layout) => layout.name === name);
  const writable = layouts.filter(({ canWrite }) => canWrite).map((layout) => layout.name);
  const allowed = writable.join(", ");
  if (found === undefined) {
    const message = `${verb}: the layout ${JSON.stringify(name)} is not known; there are ${allowed}`;
    throw new UsageError("TENON_LAYOUT_NOT_KNOWN", message, {
      details: { layout: name, allowed: writable },
      hint: "Name one of them.",
    });
  }
  if (found.canWrite) return found;
  const what = found.canRead ? "is read, but not written" : "is neither read nor written";
  throw new UnsupportedError(
    "TENON_LAYOUT_CANNOT_WRITE",
    `${verb}: the layout ${name} ${what}; written are ${allowed}`,
    {
      details: { layout: name, allowed: writable },
      hint: `Write one of: ${allowed}`,
    },
  );
}
