// A layout of one's own: a directory with weights.plain (own-format.ts) and config.json. Both are given to the verbs, and take
// part in sniffing, inspect, merge and convert like tenon's own.
import {
  type Draft,
  type Format,
  formats,
  jsonText,
  type Layout,
  layouts,
  type OutputFile,
  openModelFiles,
  PlanError,
} from "tenon";
import { plainFormat } from "./own-format.ts";

const weights = "weights.plain";

export const plainLayout: Layout = {
  name: "plain",
  canRead: true,
  canWrite: true,
  // No other layout matches such a directory; one that says more than `hf` would name it here, and win over it.
  refines: [],
  async sniff(tree) {
    if (tree.isSingleFile) return { match: "no", evidence: ["the source is one file"] };
    const isHere = (await tree.find(weights)) !== undefined;
    return { match: isHere ? "yes" : "no", evidence: [`${weights} is ${isHere ? "" : "not "}here`] };
  },
  open: (tree, options) =>
    openModelFiles(tree, options, { layout: "plain", evidence: [`${weights} is here`], paths: [weights] }),
  arrange,
};

/** Names the files and what is in them; tenon reads, computes and writes. */
function arrange({ base, adapters, companions }: Draft): OutputFile[] {
  // What does not fit is refused, never left out.
  if (base === undefined || !base.isComplete || adapters.length > 0)
    throw new PlanError("PLAIN_CANNOT_HOLD", "plain: one whole base model fits into it, and no adapter");
  const entries = [...base.tensors].map(([name, recipe]) => ({ name, recipe }));
  const files: OutputFile[] = [{ kind: "tensors", path: weights, format: "plain", entries, metadata: {} }];
  if (base.config !== undefined)
    files.push({ kind: "text", path: "config.json", text: jsonText(base.config, { indent: 2 }) });
  for (const { path, source } of companions) files.push({ kind: "copy", path, source });
  return files;
}

/** `await convert(model, { to: "plain", output, ...withPlain })` */
export const withPlain: { readonly formats: readonly Format[]; readonly layouts: readonly Layout[] } = {
  formats: [...formats, plainFormat],
  layouts: [...layouts, plainLayout],
};
