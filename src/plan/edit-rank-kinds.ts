// Adapters whose config ties them to the rank that they have.
import { mergeObstacles, parseLoraConfig, rewritesBase } from "../adapters/index.ts";
import type { JsonRecord } from "../core/index.ts";
import { adapterKind } from "./edit-refusals.ts";
import type { EditState } from "./edit-state.ts";

/**
 * Refuses what another rank would change, or what has ranks in another place than a low-rank pair. PEFT (0.21,
 * `LoraLayer.update_layer`) repeats an initialisation as it loads an adapter: one that took factors of rank r out of the base
 * would take out others then.
 * @param config adapter_config.json; empty where there is none
 * @throws UnsupportedError TENON_EDIT_ADAPTER_KIND; the errors of configs
 */
export function refuseFixedRank(state: EditState, name: string, config: JsonRecord): void {
  if (Object.keys(config).length === 0) return;
  const parsed = parseLoraConfig(config, `adapter ${name}`);
  const { targetParameters, bdlora, useKasa, useQalora, useMontecLora, initLoraWeights } = parsed;
  if (targetParameters.length > 0 || bdlora !== null || useKasa || useQalora || useMontecLora)
    throw adapterKind(
      name,
      "lays its ranks out in another way than plain LoRA, so they are not changed",
      state,
    );
  const init = JSON.stringify(initLoraWeights);
  const isUnknown = mergeObstacles(parsed).some(({ code }) => code === "TENON_ADAPTER_INIT_UNKNOWN");
  if (isUnknown || rewritesBase(parsed) !== undefined) {
    const what = isUnknown ? "may change" : "changes";
    const why = `has init_lora_weights ${init}, by which PEFT ${what} the base again when it loads the adapter, and in another way at another rank`;
    throw adapterKind(name, why, state, plainFirst);
  }
  if (initLoraWeights === "mica") {
    const why = `has init_lora_weights ${init}, which trains no lora_B, so that new ranks would never act`;
    throw adapterKind(name, why, state);
  }
}

const plainFirst =
  "Make it a plain adapter first, with PEFT's save_pretrained(…, path_initial_model_for_weight_conversion=…); or if it goes onto the residual base, give a config with init_lora_weights true: --adapter-config FILE";
