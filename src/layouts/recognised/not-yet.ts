import type { SourceTree } from "../../bytes/index.ts";
import { UnsupportedError } from "../../core/index.ts";
import type { Layout, Sniff, SniffOptions } from "../layout.ts";

interface Recognised {
  readonly name: string;
  /** What a user calls it. */
  readonly what: string;
  readonly refines: readonly string[];
  readonly hint: string;
  sniff(tree: SourceTree, options?: SniffOptions): Promise<Sniff>;
}

/** A layout that is told apart from the others, so that it can be refused by its name. */
export function notYet({ name, what, refines, hint, sniff }: Recognised): Layout {
  return {
    name,
    canRead: false,
    canWrite: false,
    refines,
    sniff,
    async open(tree: SourceTree): Promise<never> {
      const { evidence } = await sniff(tree);
      throw new UnsupportedError(
        "TENON_LAYOUT_NOT_YET",
        `${name}: this is ${what}, which is not read yet: ${evidence.join("; ")} (${tree.location})`,
        { details: { layout: name, evidence }, hint },
      );
    },
  };
}
