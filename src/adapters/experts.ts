// How experts are stored one by one while a live model has them fused: transformers 5 fuses them when it loads and takes
// them apart when it saves, so a state dict names `mlp.experts.gate_up_proj` and the file `mlp.experts.0.gate_proj.weight`.

/**
 * gate_up_proj (experts, 2·width, in) is the gate above the up projection, along the outputs; down_proj is (experts, out, width).
 * @see transformers `conversion_mapping.py` (mixtral, qwen2_moe and those mapped to them): MergeModulelist, then Concatenate
 */
export interface ExpertSpelling {
  /** Replaces the end of the fused module's path. */
  readonly path: readonly [fused: string, stored: string];
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}

export const expertSpellings: readonly ExpertSpelling[] = [
  { path: ["experts", "experts"], gate: "gate_proj", up: "up_proj", down: "down_proj" },
  { path: ["mlp.experts", "block_sparse_moe.experts"], gate: "w1", up: "w3", down: "w2" },
  { path: ["experts", "experts"], gate: "w1", up: "w3", down: "w2" },
];

/** One expert's share of a fused parameter. */
export interface ExpertShare {
  /** Canonical name of the parameter that it is where experts are stored one by one. */
  readonly parameter: string;
  /** Which of `shares` equal parts of the fused parameter, along experts and then outputs. */
  readonly at: number;
}

/** What a live model has under a name of its own, in the names of a base. */
export interface LiveName {
  /** How many experts the base has; 1 for a parameter that only has another path. */
  readonly experts: number;
  /** In the order of the fused parameter's rows. */
  readonly shares: readonly ExpertShare[];
}

const stored = /^(.*\.)?experts\.\d+\.(?:gate_proj|up_proj|down_proj|w1|w2|w3)\.weight$/;

/** Whether a canonical name is that of one expert among those that transformers 5 fuses. */
export function isSingleExpert(name: string): boolean {
  return stored.test(name);
}

/** Every adapter's file beside a base asks. */
const ofBases = new WeakMap<ReadonlySet<string>, ReadonlyMap<string, LiveName>>();

/**
 * Names that a live model of transformers 5 has in the place of those of a base whose experts lie one by one: fused
 * parameters, and mixtral's `mlp.gate` for `block_sparse_moe.gate`. Names that the base has itself are left out.
 */
export function liveNames(base: ReadonlySet<string>): ReadonlyMap<string, LiveName> {
  const known = ofBases.get(base);
  if (known !== undefined) return known;
  const found = new Map<string, LiveName>();
  ofBases.set(base, found);
  for (const name of base) {
    if (!name.includes("experts.0.")) continue;
    for (const spelling of expertSpellings) addFused(found, base, name, spelling);
  }
  if (found.size === 0) return found;
  for (const name of base) {
    const other = name.replace(".block_sparse_moe.", ".mlp.");
    if (other !== name && !isSingleExpert(name) && !base.has(other))
      found.set(other, { experts: 1, shares: [{ parameter: name, at: 0 }] });
  }
  return found;
}

function addFused(
  found: Map<string, LiveName>,
  base: ReadonlySet<string>,
  name: string,
  { path: [fused, one], gate, up, down }: ExpertSpelling,
): void {
  const tail = `${one}.0.${gate}.weight`;
  if (name !== tail && !name.endsWith(`.${tail}`)) return;
  const above = name.slice(0, name.length - tail.length);
  const parameter = (expert: number, leaf: string): string => `${above}${one}.${expert}.${leaf}.weight`;
  let experts = 0;
  while (base.has(parameter(experts, gate))) experts++;
  for (const [leaf, parts] of [
    ["gate_up_proj", [gate, up]],
    ["down_proj", [down]],
  ] as const) {
    const live = `${above}${fused}.${leaf}`;
    const shares = Array.from({ length: experts }, (_, expert) =>
      parts.map((part, at) => ({ parameter: parameter(expert, part), at: expert * parts.length + at })),
    ).flat();
    if (!base.has(live) && shares.every((share) => base.has(share.parameter)))
      found.set(live, { experts, shares });
  }
}
