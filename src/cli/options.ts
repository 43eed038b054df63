import type { WeightedName } from "./values.ts";

interface Described {
  /** One line for help and the reference, without a full stop. */
  readonly help: string;
  readonly short?: string;
  /** May be given several times; the order is kept. */
  readonly repeatable?: true;
}

/** What a flag takes. `count` is a whole number ≥ 1, `size` an amount of bytes such as `512MiB`. */
export type OptionSpec = Described &
  (
    | { readonly kind: "flag" }
    | { readonly kind: "text" | "size" | "count" | "number" | "weighted"; readonly value: string }
    | { readonly kind: "choice"; readonly allowed: readonly string[] }
  );

/** Every flag of the command line. A verb lists the ones it takes; a flag means the same in all of them. */
const options = {
  output: { kind: "text", short: "o", value: "OUT", help: "where to write; appears whole, or not at all" },
  // Not a choice: the library knows which layouts there are and which of them cannot be written yet.
  to: {
    kind: "text",
    value: "LAYOUT",
    help: "layout to write: tenon, hf, peft, peft-hybrid, state-dict, dcp, universal, trainer or accelerate",
  },
  base: { kind: "text", value: "DIR", help: "the base model that it was trained from" },
  adapter: {
    kind: "weighted",
    value: "NAME[=WEIGHT]",
    repeatable: true,
    help: "merge this adapter, with this weight (1); in the order given",
  },
  rounding: {
    kind: "choice",
    allowed: ["once", "twice"],
    help: "round W + s·B·A once (default), or the delta too, as PEFT's safe_merge does",
  },
  accumulate: {
    kind: "choice",
    allowed: ["muladd", "fma"],
    help: "sum with multiply and add (default, the same everywhere), or fused, as torch on CPU",
  },
  dtype: { kind: "choice", allowed: ["keep", "bf16", "f16", "f32"], help: "dtype of merged weights" },
  tied: {
    kind: "choice",
    allowed: ["auto", "keep", "untie"],
    help: "what to do with tied weights of which one changes",
  },
  "from-master": {
    kind: "flag",
    help: "start from the fp32 masters that the optimizer holds, not from 16-bit weights",
  },
  digest: {
    kind: "choice",
    allowed: ["fast", "sha256", "none"],
    help: "digests in the certificate: of tensors (default), and of files too, or none",
  },
  prove: {
    kind: "choice",
    allowed: ["sample", "full"],
    help: "compare sampled rows (default), or all, with an f64 reference",
  },
  "allow-unmatched": {
    kind: "flag",
    help: "go on when adapter tensors match nothing; the certificate lists them",
  },
  "allow-lost-base": { kind: "flag", help: "merge though trained base weights were lost when it was saved" },
  "initial-adapter": {
    kind: "text",
    value: "DIR",
    help: "the adapter as it was before training, where its initialisation changed the base",
  },
  "residual-base": {
    kind: "flag",
    help: "the base given is already the residual that the initialisation left",
  },
  fix: { kind: "flag", help: "write a repaired copy to OUT, where nothing has to be guessed" },
  "metadata-only": { kind: "flag", help: "read no tensor: no NaN is counted, no bits are compared" },
  rank: {
    kind: "flag",
    help: "say the rank of the change of each matrix too; reads what changed again, and is slow",
  },
  tensors: { kind: "flag", help: "list every stored tensor" },
  freeze: {
    kind: "text",
    value: "PATTERN",
    repeatable: true,
    help: "train these parameters no longer; their optimizer state goes, their weights stay",
  },
  unfreeze: {
    kind: "text",
    value: "PATTERN",
    repeatable: true,
    help: "train these parameters from now on, with zero moments",
  },
  group: {
    kind: "text",
    value: "N",
    help: "param group for what is unfrozen or added; default: the one whose weight decay fits",
  },
  "remove-adapter": {
    kind: "text",
    value: "NAME",
    repeatable: true,
    help: "remove an adapter with its optimizer state",
  },
  "add-adapter": {
    kind: "text",
    value: "NAME",
    help: "add an adapter that changes nothing yet; with --like",
  },
  like: {
    kind: "text",
    value: "OTHER|FILE",
    help: "what the added adapter is like: one that is there, or an adapter_config.json",
  },
  "lora-rank": {
    kind: "text",
    value: "NAME=R",
    repeatable: true,
    help: "change an adapter's rank; alpha changes too, so that the scaling stays",
  },
  truncate: { kind: "flag", help: "lower a rank though what is cut off is not zero" },
  seed: { kind: "text", value: "N", help: "of the values that new factors start with (0)" },
  move: {
    kind: "text",
    value: "PATTERN=N",
    repeatable: true,
    help: "move parameters to another param group",
  },
  set: {
    kind: "text",
    value: "N:KEY=VALUE",
    repeatable: true,
    help: "change a setting of a param group: 0:lr=1e-4, 1:betas=[0.9,0.95]",
  },
  "new-group": {
    kind: "text",
    value: "KEY=VALUE,…",
    repeatable: true,
    help: "add a param group; settings that are not given are those of the first",
  },
  layout: { kind: "text", value: "NAME", help: "read SRC as this layout, where evidence does not decide" },
  "adapter-config": {
    kind: "text",
    value: "FILE",
    help: "an adapter_config.json for a source that has none",
  },
  alpha: { kind: "number", value: "N", help: "lora_alpha for a source that has no adapter_config.json" },
  "param-order": {
    kind: "text",
    value: "FILE",
    help: "parameter names, one a line, in the order of an optimizer's numbers; where shapes do not decide",
  },
  drop: {
    kind: "text",
    value: "NAME",
    repeatable: true,
    help: "leave out base, adapters, optimizer, its masters, trainer, one file of its state, or a parameter by its name",
  },
  "max-shard-size": {
    kind: "size",
    value: "5GB",
    help: "largest weight file; default: as the source is sharded",
  },
  force: { kind: "flag", help: "replace what is at OUT, once the new one is complete" },
  "dry-run": { kind: "flag", help: "say what would be done, and write nothing" },
  memory: {
    kind: "size",
    value: "512MiB",
    help: "memory for tiles and factors, all threads together (96MiB)",
  },
  threads: {
    kind: "count",
    value: "N",
    help: "worker threads; default: as many as the machine runs at once",
  },
  json: { kind: "flag", help: "one JSON document on stdout, errors too; progress stays on stderr" },
  quiet: { kind: "flag", short: "q", help: "print errors only" },
  help: { kind: "flag", short: "h", help: "print this" },
  version: { kind: "flag", help: "print the version" },
} as const;

export type OptionName = keyof typeof options;

export const optionNames: readonly OptionName[] = Object.keys(options) as OptionName[];

/** The table without its literal types: what parsing and help read. */
export const optionTable: Readonly<Record<OptionName, OptionSpec>> = options;

type One<S> = S extends { readonly kind: "flag" }
  ? true
  : S extends { readonly kind: "size" | "count" | "number" }
    ? number
    : S extends { readonly kind: "weighted" }
      ? WeightedName
      : S extends { readonly allowed: readonly (infer A)[] }
        ? A
        : string;

/** Parsed options by flag name, absent where not given. */
export type OptionValues<Name extends OptionName = OptionName> = {
  readonly [N in Name]?: (typeof options)[N] extends { readonly repeatable: true }
    ? readonly One<(typeof options)[N]>[]
    : One<(typeof options)[N]>;
};
