import type { Command } from "./command.ts";
import type { OptionName } from "./options.ts";

export interface VerbSpec {
  /** One line for help and the reference. */
  readonly summary: string;
  /** Names of the arguments in order, `[…]` where optional, `…]` at the end where there may be more. */
  readonly positionals: readonly string[];
  readonly required: readonly OptionName[];
  readonly options: readonly OptionName[];
  /** Sentences below the options. */
  readonly notes: readonly string[];
  /** What runs it; imported when the verb is called, not before. */
  readonly load: () => Promise<Command>;
}

const reading: readonly OptionName[] = ["layout", "adapter-config", "alpha"];
const running: readonly OptionName[] = ["memory", "threads"];
const writing: readonly OptionName[] = ["max-shard-size", "drop", "dry-run", "force"];

/** Flags that every verb takes. */
export const generalOptions: readonly OptionName[] = ["json", "quiet", "help", "version"];

/** The verbs, in the order in which help lists them. */
export const verbs: Readonly<Record<string, VerbSpec>> = {
  inspect: {
    summary: "say what a checkpoint is: layout, components, dtypes, sizes, adapters",
    positionals: ["SRC"],
    required: [],
    options: ["base", "tensors", ...reading, ...running],
    notes: ["Reads metadata only. With --base it reads tensors too, and says which of them moved."],
    load: async () => (await import("./commands/inspect.ts")).inspectCommand,
  },
  merge: {
    summary: "fold adapters into their base; write a transformers directory and a certificate",
    positionals: ["SRC", "[ADAPTER…]"],
    required: ["output"],
    options: [
      "output",
      "base",
      "adapter",
      "rounding",
      "accumulate",
      "dtype",
      "tied",
      "allow-unmatched",
      "initial-adapter",
      "residual-base",
      "digest",
      "prove",
      ...writing,
      ...reading,
      ...running,
    ],
    notes: [
      "SRC is a base with ADAPTERs after it, an adapter with --base, or a hybrid that holds both.",
      "Adapters are merged in the order given, each rounded, as PEFT does. One that matches nothing stops the merge.",
    ],
    load: async () => (await import("./commands/merge.ts")).mergeCommand,
  },
};
