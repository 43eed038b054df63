import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type LlamaSizes, linearsOf } from "./llama.ts";
import { NormalStream } from "./random.ts";
import { type TensorToWrite, writeTensorFile } from "./tensor-file.ts";

const linearNames = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/** Makes a delta of about a sixth of the weights at r = 16, so that every element of them changes. */
const factorDeviation = 0.02;

/** Writes a PEFT directory: LoRA in f32 on the seven linears of every layer, alpha = 2 r. */
export function writeAdapter(directory: string, sizes: LlamaSizes, loraRank: number): void {
  const tensors = Array.from({ length: sizes.layers }, (_, layer) =>
    [...linearsOf(sizes)].flatMap(([path, [outputs, inputs]]) => {
      const module = `base_model.model.model.layers.${layer}.${path}`;
      return [
        factor(`${module}.lora_A.weight`, [loraRank, inputs]),
        factor(`${module}.lora_B.weight`, [outputs, loraRank]),
      ];
    }),
  );
  writeTensorFile(join(directory, "adapter_model.safetensors"), tensors.flat());
  writeLoraConfig(directory, loraRank);
}

/** The adapter_config.json of an adapter on the seven linears, alpha = 2 r. */
export function writeLoraConfig(directory: string, loraRank: number): void {
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: null,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: loraRank * 2,
    lora_dropout: 0,
    modules_to_save: null,
    r: loraRank,
    target_modules: linearNames,
    use_dora: false,
    use_rslora: false,
  };
  writeFileSync(join(directory, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

function factor(name: string, shape: readonly number[]): TensorToWrite {
  const stream = new NormalStream(`${name} r=${shape.join("x")}`, factorDeviation);
  return { name, dtype: "F32", shape, fill: (part) => stream.fillF32(new Float32Array(part)) };
}
