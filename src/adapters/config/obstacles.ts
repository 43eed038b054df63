import type { LoraConfig } from "./lora-config.ts";

/** Something in a config that keeps an adapter from being merged as plain LoRA. */
export interface MergeObstacle {
  /** Stable; also the code of the error that a merge throws. */
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
}

/** How an initialisation changed the base weights. */
export interface BaseRewrite {
  /** As written in the config: `pissa_niter_16`. */
  readonly init: string;
  readonly method: "pissa" | "olora" | "corda" | "lora_ga" | "loftq" | "kasa";
  /**
   * `subtracted`: the residual base is W − s·B₀A₀ of the initial pair. `replaced`: it was quantised or truncated.
   */
  readonly change: "subtracted" | "replaced";
}

const methods: readonly (readonly [RegExp, BaseRewrite["method"], BaseRewrite["change"]])[] = [
  [/^pissa(?:_niter_\d+)?$/, "pissa", "subtracted"],
  [/^olora$/, "olora", "subtracted"],
  [/^corda$/, "corda", "subtracted"],
  [/^lora_ga$/, "lora_ga", "subtracted"],
  [/^loftq$/, "loftq", "replaced"],
  [/^kasa$/, "kasa", "replaced"],
];

/** Whether the adapter's initialisation changed the base, so that the original base is not what it was trained on. */
export function rewritesBase(config: LoraConfig): BaseRewrite | undefined {
  const init = config.useKasa ? "kasa" : config.initLoraWeights;
  if (typeof init !== "string") return undefined;
  // PEFT lowers nothing, but older releases accepted `PiSSA`.
  const found = methods.find(([pattern]) => pattern.test(init.toLowerCase()));
  return found && { init, method: found[1], change: found[2] };
}

const vanillaInits: ReadonlySet<string> = new Set(["gaussian", "eva", "orthogonal", "mica"]);

/**
 * What keeps this adapter from being merged into its base, each with a remedy. Empty for the family that merges.
 * A rewritten base is listed too: it is no obstacle any more once the residual base or the initial pair is given.
 */
export function mergeObstacles(config: LoraConfig): readonly MergeObstacle[] {
  const found: MergeObstacle[] = [];
  const refuse = (code: string, reason: string, remedy: string): void => {
    found.push({ code, reason, remedy });
  };
  if (config.aloraInvocationTokens !== null)
    refuse(
      "TENON_ADAPTER_ALORA",
      "aLoRA acts only after its invocation tokens, a merged weight always",
      "Serve it unmerged.",
    );
  if (config.useQalora)
    refuse(
      "TENON_ADAPTER_QALORA",
      "QALoRA pools the input in groups and belongs to a GPTQ base",
      "Merge it with the tool that trained it.",
    );
  if (config.useArrow)
    refuse(
      "TENON_ADAPTER_ARROW",
      "Arrow routes each token among adapters",
      "Merge one of its task adapters instead.",
    );
  if (config.bdlora !== null)
    refuse(
      "TENON_ADAPTER_BDLORA",
      "BD-LoRA keeps a block-diagonal factor in compact form",
      "Load it with PEFT and save it merged.",
    );
  if (config.layerReplication !== null)
    refuse(
      "TENON_ADAPTER_LAYER_REPLICATION",
      "layer_replication shares base weights among copies of a layer that the adapter tells apart",
      "Write the expanded base out first, then give it as the base and remove layer_replication from the config.",
    );
  const rewrite = rewritesBase(config);
  if (rewrite !== undefined)
    refuse(
      "TENON_ADAPTER_REWRITES_BASE",
      `${rewrite.init} changed the base weights when the adapter was made`,
      remedyFor(rewrite),
    );
  else if (typeof config.initLoraWeights === "string" && !vanillaInits.has(config.initLoraWeights))
    refuse(
      "TENON_ADAPTER_INIT_UNKNOWN",
      `init_lora_weights is ${JSON.stringify(config.initLoraWeights)}, which may have changed the base`,
      "Set init_lora_weights to true if it did not.",
    );
  return found;
}

function remedyFor({ method, change }: BaseRewrite): string {
  if (method === "loftq") return "Give the dequantised base that LoftQ wrote beside the adapter.";
  if (change === "replaced") return "Give the base as it was saved after the adapter was attached.";
  return "Give the residual base, or the initial adapter, saved before training.";
}
