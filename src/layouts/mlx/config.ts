import { derivedLoraConfig } from "../../adapters/index.ts";
import {
  type AdapterModule,
  FormatError,
  isJsonRecord,
  type JsonRecord,
  PlanError,
  UnsupportedError,
  withFields,
} from "../../core/index.ts";
import { mlxConfigName } from "./wire.ts";

/** What counts of mlx-lm's arguments. */
export interface MlxConfig {
  readonly loraRank: number;
  /** PEFT's α. MLX multiplies lora_a·lora_b by `scale`, whatever the rank: α/r. */
  readonly alpha: number;
  readonly dropout: number;
  /** The model that was trained, as it was given. */
  readonly model: string | undefined;
}

/**
 * @param given `isScaleGiven` where the caller has a config of its own, which counts in the place of this one's scale; `alpha`
 *   is the `lora_alpha` that decides where this config says two
 * @throws FormatError TENON_MLX_CONFIG; UnsupportedError TENON_MLX_FULL; PlanError TENON_MLX_SCALE
 */
export function readMlxConfig(
  config: JsonRecord,
  { isScaleGiven, alpha: told }: { readonly isScaleGiven: boolean; readonly alpha: number | undefined },
): MlxConfig {
  const kind = config["fine_tune_type"] ?? "lora";
  if (kind === "full") throw fullFineTune();
  if (kind !== "lora" && kind !== "dora") throw malformed("fine_tune_type", kind, '"lora", "dora" or "full"');
  const parameters = config["lora_parameters"];
  if (!isJsonRecord(parameters)) throw malformed("lora_parameters", parameters, "an object");
  const { rank, scale, alpha, dropout } = parameters;
  if (typeof rank !== "number" || !Number.isInteger(rank) || rank < 1)
    throw malformed("lora_parameters.rank", rank, "a whole number from 1");
  if (typeof scale !== "number" || !Number.isFinite(scale))
    throw malformed("lora_parameters.scale", scale, "a number");
  const isAmbiguous = alpha !== undefined && alpha !== null && alpha !== rank;
  if (isAmbiguous && !isScaleGiven && told === undefined) throw scaleAmbiguous(rank, scale, alpha);
  const { model } = config;
  return {
    loraRank: rank,
    alpha: isAmbiguous && told !== undefined ? told : alphaOf(scale, rank),
    dropout: typeof dropout === "number" ? dropout : 0,
    model: typeof model === "string" ? model : undefined,
  };
}

/**
 * The adapter_config.json that PEFT would have written of the same training. MLX multiplies by `scale` and PEFT by α/r.
 * @param isTied LoRA lies on an embedding that is the head too, and was trained in both
 */
export function peftConfigOf(
  { alpha, dropout, model }: MlxConfig,
  modules: readonly AdapterModule[],
  isTied: boolean,
): JsonRecord {
  return withFields(derivedLoraConfig(modules, alpha), {
    lora_dropout: dropout,
    ...(isTied && { ensure_weight_tying: true }),
    ...(model !== undefined && { base_model_name_or_path: model }),
  });
}

/** The α whose quotient by the rank is nearest to the scale: closer than f32, in which PEFT and tenon multiply, can tell. */
function alphaOf(scale: number, loraRank: number): number {
  const product = scale * loraRank;
  const step = Math.abs(product) * Number.EPSILON;
  const distance = (alpha: number): number => Math.abs(alpha / loraRank - scale);
  return [product - step, product + step].reduce(
    (best, alpha) => (distance(alpha) < distance(best) ? alpha : best),
    product,
  );
}

export function malformed(field: string, found: unknown, allowed: string): FormatError {
  const shown = JSON.stringify(found) ?? "nothing";
  return new FormatError("TENON_MLX_CONFIG", `mlx: ${field} is ${shown}, not ${allowed} (${mlxConfigName})`, {
    details: { field, found: shown, allowed, path: mlxConfigName },
    hint: "Give the adapter_config.json that mlx_lm.lora wrote beside the weights.",
  });
}

function fullFineTune(): UnsupportedError {
  const message = `mlx: fine_tune_type is "full": whole weights of MLX's model, which for some architectures are not those of transformers (${mlxConfigName})`;
  return new UnsupportedError("TENON_MLX_FULL", message, {
    details: { path: mlxConfigName },
    hint: "Write the whole model with mlx_lm.fuse, and open that.",
  });
}

function scaleAmbiguous(rank: number, scale: number, alpha: unknown): PlanError {
  const message = `mlx: lora_parameters has alpha ${JSON.stringify(alpha)} and scale ${scale}: early mlx-lm multiplied by scale·alpha/rank, later ones by scale alone (${mlxConfigName})`;
  return new PlanError("TENON_MLX_SCALE", message, {
    details: { rank, scale, alpha, path: mlxConfigName },
    hint: `Say which, as lora_alpha: --alpha ${scale * rank} for scale alone; for an early mlx-lm --alpha with scale·alpha.`,
  });
}
