import type { SourceTree } from "../bytes/index.ts";
import { UnsupportedError, UsageError } from "../core/index.ts";
import type { Layout, Sniff, SniffOptions } from "./layout.ts";
import { ListedTree } from "./listed-tree.ts";

export interface DetectedLayout {
  readonly layout: Layout;
  readonly evidence: readonly string[];
}

interface Candidate {
  readonly layout: Layout;
  readonly sniff: Sniff;
}

/**
 * Picks the one layout that reads a source.
 *
 * Every layout is asked. Those that say `yes` stand; if there are none, those that say `maybe`. Among them, one that
 * another of them refines gives way to it. Exactly one must be left: order in the list decides nothing.
 * @throws UsageError TENON_LAYOUT_AMBIGUOUS, TENON_LAYOUT_NAME_TWICE; UnsupportedError TENON_LAYOUT_UNKNOWN
 */
export async function detectLayout(
  tree: SourceTree,
  layouts: readonly Layout[],
  options: SniffOptions = {},
): Promise<DetectedLayout> {
  checkNames(layouts);
  const candidates: Candidate[] = [];
  const listed = ListedTree.of(tree);
  for (const layout of layouts) candidates.push({ layout, sniff: await layout.sniff(listed, options) });
  const best = mostSpecific(matching(candidates, "yes") ?? matching(candidates, "maybe") ?? []);
  const [only] = best;
  if (only !== undefined && best.length === 1) return { layout: only.layout, evidence: only.sniff.evidence };
  throw only === undefined ? unknown(tree, candidates) : ambiguous(tree, best);
}

function matching(candidates: readonly Candidate[], match: Sniff["match"]): Candidate[] | undefined {
  const found = candidates.filter(({ sniff }) => sniff.match === match);
  return found.length === 0 ? undefined : found;
}

function mostSpecific(candidates: readonly Candidate[]): Candidate[] {
  const refined = new Set(candidates.flatMap(({ layout }) => layout.refines));
  const specific = candidates.filter(({ layout }) => !refined.has(layout.name));
  // Two layouts of a caller's own may refine each other: then neither is ahead.
  return specific.length > 0 ? specific : [...candidates];
}

function checkNames(layouts: readonly Layout[]): void {
  const seen = new Set<string>();
  for (const { name } of layouts) {
    if (seen.has(name)) {
      throw new UsageError(
        "TENON_LAYOUT_NAME_TWICE",
        `layout: two layouts are named ${JSON.stringify(name)}`,
        {
          details: { layout: name },
          hint: "Give your own layout a name that no other one has.",
        },
      );
    }
    seen.add(name);
  }
}

function describe({ layout, sniff }: Candidate): string {
  return `${layout.name}: ${sniff.match}: ${sniff.evidence.join("; ")}`;
}

function detailsOf(candidates: readonly Candidate[]): {
  candidates: { layout: string; match: string; evidence: readonly string[] }[];
} {
  return {
    candidates: candidates.map(({ layout, sniff }) => ({
      layout: layout.name,
      match: sniff.match,
      evidence: sniff.evidence,
    })),
  };
}

function ambiguous(tree: SourceTree, best: readonly Candidate[]): UsageError {
  const names = best.map(({ layout }) => layout.name);
  const evidence = best.map(describe).join(" | ");
  return new UsageError(
    "TENON_LAYOUT_AMBIGUOUS",
    `layout: ${names.length} layouts fit equally well, one is needed: ${evidence} (${tree.location})`,
    { details: detailsOf(best), hint: `Say which one it is: --layout ${names.join(" or --layout ")}` },
  );
}

function unknown(tree: SourceTree, candidates: readonly Candidate[]): UnsupportedError {
  const evidence = candidates.map(describe).join(" | ");
  return new UnsupportedError(
    "TENON_LAYOUT_UNKNOWN",
    `layout: no layout fits: ${evidence} (${tree.location})`,
    {
      details: detailsOf(candidates),
      hint: "Point at the directory or file that holds the weights.",
    },
  );
}
