/**
 * Tensors of other adapter types and other ecosystems, recognised by the tail of a name, so that a refusal can
 * say what they are. Matching is by whole segments: a module called `hada_w1` or `lora_head` stays plain.
 */

/** Tail segment → PEFT type that stores it. */
const typeOfToken: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ADALORA: "lora_E ranknum",
    LOHA: "hada_w1_a hada_w1_b hada_w2_a hada_w2_b hada_t1 hada_t2",
    LOKR: "lokr_w1 lokr_w1_a lokr_w1_b lokr_w2 lokr_w2_a lokr_w2_b lokr_t2",
    IA3: "ia3_l",
    OFT: "oft_R oft_r",
    BOFT: "boft_R boft_s",
    HRA: "hra_u",
    VERA: "vera_lambda_b vera_lambda_d vera_A vera_B",
    PVERA: "pvera_lambda_b pvera_lambda_d pvera_A pvera_B",
    RANDLORA: "randlora_lambda randlora_gamma randlora_A randlora_B",
    VBLORA:
      "vblora_logits_A vblora_logits_B vblora_logits_A_topk_indices vblora_logits_A_topk_weights " +
      "vblora_logits_B_topk_indices vblora_logits_B_topk_weights vblora_vector_bank",
    FOURIERFT: "fourierft_spectrum",
    WAVEFT: "waveft_spectrum",
    C3A: "c3a_kernel",
    MISS: "miss_block bone_block",
    SHIRA: "shira_weight shira_indices",
    LN_TUNING: "ln_tuning_layers",
    TRAINABLE_TOKENS: "trainable_tokens_delta trainable_tokens_original",
    ROAD: "road_theta road_alpha",
    HIRA: "hira_A hira_B",
    DELORA: "delora_A delora_B delora_lambda delora_w_norm",
    POLY: "poly_lora_A poly_lora_B",
    GRALORA: "gralora_A gralora_B gralora_A_general gralora_B_general",
    PROMPT_TUNING: "prompt_embeddings prefix_task_cols prefix_task_rows",
    ADAPTION_PROMPT: "adaption_prompt adaption_gate",
    MLX: "lora_a lora_b",
  }).flatMap(([type, tokens]) => tokens.split(" ").map((token) => [token, type] as const)),
);

const kohyaModule = /^lora_(?:unet|te\d?|prior|transformer)_/;
const kohyaTail =
  /^(?:lora_down\.weight|lora_up\.weight|lora_mid\.weight|alpha|dora_scale|hada_\w+|lokr_\w+)$/;
const diffusersTail = /^(?:lora\.(?:down|up)|lora_linear_layer\.(?:down|up)|\w+_lora\.(?:down|up))$/;
/** Last segments but one of diffusers' and Megatron's names. */
const pairEnds = /^(?:down|up|linear_in|linear_out)$/;

/** Why tensors of another ecosystem are not read as LoRA where they are found. */
export const foreignReasons: ReadonlyMap<string, string> = new Map([
  ["MLX", "MLX's LoRA is read from a file that holds nothing else"],
  [
    "TORCHTUNE",
    "torchtune has names of its own for modules and orders the rows of q_proj and k_proj otherwise; it writes PEFT's adapter_model too",
  ],
  [
    "KOHYA",
    "kohya writes underscores for the dots of a module's path, which only the model can tell apart, and an alpha for each module",
  ],
  ["MEGATRON", "Megatron fuses and shards layers in an order that only its own config tells"],
  ["DIFFUSERS", "diffusers' attention processors have names of their own"],
]);

export interface ForeignTail {
  readonly family: string;
  /** Index of the first segment that is not the module's path. */
  readonly at: number;
}

/** Where the foreign part of a name starts, and whose it is; undefined for a name that is not foreign. */
export function foreignTail(segments: readonly string[]): ForeignTail | undefined {
  const count = segments.length;
  const first = segments[0] ?? "";
  if (first.startsWith("lora_") && kohyaModule.test(first) && kohyaTail.test(segments.slice(1).join(".")))
    return { family: "KOHYA", at: 1 };
  if (segments.includes("internal_xlora_classifier"))
    return { family: "XLORA", at: segments.indexOf("internal_xlora_classifier") };
  if (count >= 3 && segments[count - 1] === "weight" && pairEnds.test(segments[count - 2] ?? "")) {
    const pair = segments.slice(-3, -1).join(".");
    if (diffusersTail.test(pair)) return { family: "DIFFUSERS", at: count - 3 };
    if (pair === "adapter.linear_in" || pair === "adapter.linear_out")
      return { family: "MEGATRON", at: count - 3 };
  }
  // `<token>`, `<token>.<adapter>`, `<token>.weight`, `<token>.<adapter>.weight`, and the bias of a tuned norm.
  for (let at = count - 1; at >= Math.max(0, count - 3); at--) {
    const token = segments[at] as string;
    const family = typeOfToken.get(token);
    if (family === undefined) continue;
    const last = segments[count - 1];
    if (at === count - 3 && last !== "weight" && last !== "bias") continue;
    // A parameter of the module itself in MLX; in torchtune a linear layer inside it.
    return { family: family === "MLX" && last === "weight" ? "TORCHTUNE" : family, at };
  }
  return undefined;
}
