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
    options: ["base", "tensors", "param-order", ...reading, ...running],
    notes: ["Reads metadata only. With --base it reads tensors too, and says which of them moved."],
    load: async () => (await import("./commands/inspect.ts")).inspectCommand,
  },
  doctor: {
    summary: "say what is wrong with a checkpoint, why, and what to do about it",
    positionals: ["SRC", "[ADAPTER…]"],
    required: [],
    options: ["base", "metadata-only", "fix", "output", "param-order", ...writing, ...reading, ...running],
    notes: [
      "With --base names, shapes and bits are compared with it, and each ADAPTER is looked for in the weights.",
      "Ends with 1 when there is an error or a warning; notes alone are 0. With --fix that is said of what is left.",
    ],
    load: async () => (await import("./commands/doctor.ts")).doctorCommand,
  },
  split: {
    summary: "separate base, adapters, optimizer and trainer: writes the tenon layout",
    positionals: ["SRC"],
    required: ["output"],
    options: ["output", "base", "param-order", ...writing, ...reading, ...running],
    notes: ["With --base only what differs from it is stored, and the base is referred to by digest."],
    load: async () => (await import("./commands/split.ts")).splitCommand,
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
      "allow-lost-base",
      "initial-adapter",
      "residual-base",
      "from-master",
      "digest",
      "prove",
      ...writing,
      ...reading,
      ...running,
    ],
    notes: [
      "SRC is a base with ADAPTERs after it, an adapter with --base, or a hybrid that holds both.",
      "Adapters are merged in the order given, each rounded, as PEFT does. One that matches nothing stops the merge.",
      "Of what --drop takes, a merge has base parameters alone: nothing else is written.",
    ],
    load: async () => (await import("./commands/merge.ts")).mergeCommand,
  },
  convert: {
    summary: "write the same checkpoint in another layout",
    positionals: ["SRC"],
    required: ["output", "to"],
    options: ["output", "to", "base", "param-order", "from-master", ...writing, ...reading, ...running],
    notes: ["What the layout cannot hold is refused by name, unless it is dropped with --drop."],
    load: async () => (await import("./commands/convert.ts")).convertCommand,
  },
  edit: {
    summary: "change by name who is trained and how: parameters, adapters, lora ranks, param groups",
    positionals: ["SRC"],
    required: ["output"],
    options: [
      "output",
      "to",
      "base",
      "freeze",
      "unfreeze",
      "group",
      "remove-adapter",
      "add-adapter",
      "like",
      "lora-rank",
      "truncate",
      "seed",
      "move",
      "set",
      "new-group",
      "param-order",
      ...writing,
      ...reading,
      ...running,
    ],
    notes: [
      "PATTERN is a canonical name, in which * is any run of characters. One that matches nothing stops the edit.",
      "What changes is printed before anything is written; with --dry-run nothing is.",
      "Without --to the tenon layout is written.",
    ],
    load: async () => (await import("./commands/edit.ts")).editCommand,
  },
  diff: {
    summary: "compare two checkpoints tensor by tensor",
    positionals: ["A", "B"],
    required: [],
    options: ["rank", ...reading, ...running],
    notes: ["Ends with 0 whether they are equal or not; --json has isEqual, and every tensor."],
    load: async () => (await import("./commands/diff.ts")).diffCommand,
  },
  verify: {
    summary: "read everything, compare it with what was recorded, change nothing",
    positionals: ["SRC"],
    required: [],
    options: [...reading, ...running],
    notes: [
      "Ends with 1 when something cannot be read, or is not what a manifest, certificate or checksum says.",
    ],
    load: async () => (await import("./commands/verify.ts")).verifyCommand,
  },
};
