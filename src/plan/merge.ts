import { type Draft, type DType, PlanError, type Recipe, type Tensor, UsageError } from "../core/index.ts";
import { type BaseLayer, overlayBases } from "./base.ts";
import { layAdapter } from "./merge-adapter.ts";
import { mergedConfig } from "./merge-config.ts";
import type { MergeContext } from "./merge-context.ts";
import type {
  AdapterChoice,
  AdapterUse,
  MasterUse,
  MergeInput,
  MergeOptions,
  TieOutcome,
} from "./merge-input.ts";
import { masterUses } from "./merge-masters.ts";
import { noAdapters, noBase, unmatched } from "./merge-refusals.ts";
import { MergedParameters } from "./merged-parameters.ts";

export interface MergePlan {
  readonly draft: Draft;
  /** In the order of merging. */
  readonly adapters: readonly AdapterUse[];
  /** Ties that an adapter touched. */
  readonly ties: readonly TieOutcome[];
  /** Base parameters that were left out as asked for. */
  readonly dropped: readonly string[];
  /** What was taken from fp32 masters; empty where the input has none. */
  readonly masters: readonly MasterUse[];
}

/**
 * Plans W' = W + s·(B·A) for everything that adapters change, as PEFT merges (`docs/formats/peft.md`): adapters in the
 * order given, each rounded. Reads nothing.
 * @throws PlanError TENON_MERGE_NEEDS_BASE, TENON_MERGE_NOTHING, TENON_ADAPTER_CONFIG_MISSING, TENON_ADAPTER_UNMATCHED,
 *   TENON_ADAPTER_WEIGHT, TENON_ADAPTER_REPLACES_TWICE and those of the geometry; UnsupportedError for adapters that no
 *   weight can hold
 */
export function planMerge(input: MergeInput, options: MergeOptions = {}): MergePlan {
  const drop = new Set(options.drop ?? []);
  const dropped = checkedDrops(input.bases, drop);
  const base = overlayBases(input.bases.map((layer) => withoutDropped(layer, drop)));
  if (base === undefined || !base.isComplete) throw noBase(input.adapters, base?.tensors.size ?? 0);
  if (input.adapters.length === 0) throw noAdapters();
  const { masters } = input;
  const parameters = new MergedParameters(
    new Map([...base.tensors].map(([name, tensor]) => [name, masters?.base.get(name) ?? tensor])),
    base.ties,
  );
  const isSame = (a: Tensor, b: Tensor): boolean =>
    a.id === b.id ||
    input.sameBytes?.has(`${a.id}\n${b.id}`) === true ||
    input.sameBytes?.has(`${b.id}\n${a.id}`) === true;
  const context: MergeContext = {
    parameters,
    modelConfig: base.config,
    options,
    isSame,
    isLiveBase: (choice, parameter) => isLiveBase(input, choice, base.tensors.get(parameter)),
  };
  const uses: AdapterUse[] = [];
  const ties = new Map<string, TieOutcome>();
  for (const choice of input.adapters) {
    const laid = layAdapter(context, choice);
    uses.push(laid.use);
    for (const tie of laid.ties) if (ties.get(tie.alias)?.action !== "untied") ties.set(tie.alias, tie);
  }
  const failing = uses.find(({ unused }) => unused.length > 0);
  if (failing !== undefined && options.allowUnmatched !== true) throw unmatched(failing);
  const dtype = options.dtype ?? "keep";
  const tensors = new Map<string, Recipe>();
  const modelDTypes = new Map(masters?.placed.map(({ master, model }) => [master.id, model.dtype]));
  for (const [name, recipe] of parameters.recipes()) {
    const own = modelDTypes.get(recipe.source.id) ?? recipe.source.dtype;
    tensors.set(name, { ...recipe, dtype: outputDType(own, dtype) });
  }
  const config =
    base.config &&
    mergedConfig(base.config, { before: base.tensors, after: tensors, ties: [...ties.values()], dtype });
  return {
    draft: {
      base: {
        tensors,
        isComplete: true,
        ties: parameters.ties,
        shards: base.shards,
        ...(config && { config }),
      },
      adapters: [],
      companions: input.companions,
      origin: input.origin,
    },
    adapters: uses,
    ties: [...ties.values()],
    dropped,
    masters: masters === undefined ? [] : masterUses(tensors.values(), masters),
  };
}

/** The base's tensor lies in the source of the adapter, under the name that a live, wrapped module has. */
function isLiveBase({ bases }: MergeInput, { source }: AdapterChoice, tensor: Tensor | undefined): boolean {
  return (
    tensor !== undefined && /\.base_layer\./.test(tensor.name) && bases.some(({ label }) => label === source)
  );
}

function withoutDropped({ label, base }: BaseLayer, drop: ReadonlySet<string>): BaseLayer {
  if (drop.size === 0) return { label, base };
  return {
    label,
    base: { ...base, tensors: new Map([...base.tensors].filter(([name]) => !drop.has(name))) },
  };
}

/** @throws UsageError TENON_DROP_UNKNOWN */
function checkedDrops(layers: readonly BaseLayer[], drop: ReadonlySet<string>): string[] {
  for (const name of drop) {
    if (layers.some(({ base }) => base.tensors.has(name))) continue;
    throw new UsageError(
      "TENON_DROP_UNKNOWN",
      `merge: --drop ${JSON.stringify(name)} matches no base parameter`,
      {
        details: { name },
        hint: "Give a name as tenon inspect --json lists it.",
      },
    );
  }
  return [...drop];
}

const floats: ReadonlySet<DType> = new Set<DType>(["BF16", "F16", "F32", "F64"]);

function outputDType(source: DType, wanted: MergeOptions["dtype"]): DType {
  if (wanted === undefined || wanted === "keep") return source;
  if (floats.has(source)) return wanted;
  if (/^(?:F8|F6|F4)/.test(source))
    throw new PlanError(
      "TENON_DTYPE_NOT_CONVERTED",
      `merge: ${source} weights are not turned into ${wanted}`,
      {
        details: { found: source, wanted, allowed: [...floats] },
        hint: "Leave --dtype at keep, or dequantise the model first.",
      },
    );
  return source;
}
