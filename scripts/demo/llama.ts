// The forward pass of a small Llama in plain f64, so that merged weights can be judged by what they say. It follows
// transformers' modeling_llama.py: RMSNorm, rotary positions on half heads, grouped-query attention, SwiGLU.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readWeights } from "./weights.ts";

/** The keys of config.json that the forward pass needs, spelled as there. */
export interface LlamaConfig {
  readonly model_type: string;
  readonly hidden_size: number;
  readonly head_dim: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly num_hidden_layers: number;
  readonly rms_norm_eps: number;
  readonly rope_parameters: { readonly rope_theta: number; readonly rope_type: string };
  readonly tie_word_embeddings: boolean;
  readonly attention_bias: boolean;
  readonly mlp_bias: boolean;
}

/** One token's vector. */
type Row = Float64Array;

/**
 * Logits of the weights in a transformers directory with one `model.safetensors`.
 *
 * @returns [tokens, vocabulary], row-major
 */
export function llamaLogits(directory: string, tokens: readonly number[]): Float64Array {
  const config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8")) as LlamaConfig;
  const { model_type, rope_parameters, attention_bias, mlp_bias } = config;
  if (model_type !== "llama" || rope_parameters.rope_type !== "default" || attention_bias || mlp_bias)
    throw new Error(`${directory}: the demo computes a Llama with plain rotary positions and no biases`);
  const weights = readWeights(join(directory, "model.safetensors"));
  const weight = (name: string): Float64Array => {
    const found = weights.get(name);
    if (found === undefined) throw new Error(`${directory}: no tensor ${name}`);
    return found;
  };
  const norm = (rows: readonly Row[], name: string): Row[] =>
    rows.map((row) => rmsNorm(row, weight(name), config.rms_norm_eps));
  const linear = (rows: readonly Row[], name: string): Row[] => rows.map((row) => times(weight(name), row));

  const embedding = weight("model.embed_tokens.weight");
  let stream: Row[] = tokens.map((token) =>
    embedding.slice(token * config.hidden_size, (token + 1) * config.hidden_size),
  );
  for (let index = 0; index < config.num_hidden_layers; index += 1) {
    const layer = `model.layers.${index}`;
    const seen = norm(stream, `${layer}.input_layernorm.weight`);
    const [queries, keys, values] = ["q", "k", "v"].map((part) =>
      linear(seen, `${layer}.self_attn.${part}_proj.weight`),
    ) as [Row[], Row[], Row[]];
    const attended = attention(queries, keys, values, config);
    stream = sum(stream, linear(attended, `${layer}.self_attn.o_proj.weight`));
    const thought = norm(stream, `${layer}.post_attention_layernorm.weight`);
    const gate = linear(thought, `${layer}.mlp.gate_proj.weight`);
    const up = linear(thought, `${layer}.mlp.up_proj.weight`);
    const gated = gate.map((row, at) => row.map((value, k) => silu(value) * (up[at]?.[k] ?? Number.NaN)));
    stream = sum(stream, linear(gated, `${layer}.mlp.down_proj.weight`));
  }
  const head = config.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  return Float64Array.from(linear(norm(stream, "model.norm.weight"), head).flatMap((row) => [...row]));
}

/** A matrix [rows, row.length] times a vector. */
function times(matrix: Float64Array, row: Row): Row {
  return Float64Array.from({ length: matrix.length / row.length }, (_, at) =>
    dot(matrix.subarray(at * row.length, (at + 1) * row.length), row),
  );
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, value, at) => total + value * (b[at] ?? Number.NaN), 0);
}

function sum(a: readonly Row[], b: readonly Row[]): Row[] {
  return a.map((row, at) => row.map((value, k) => value + (b[at]?.[k] ?? Number.NaN)));
}

function silu(value: number): number {
  return value / (1 + Math.exp(-value));
}

function rmsNorm(row: Row, weight: Float64Array, epsilon: number): Row {
  const scale = 1 / Math.sqrt(dot(row, row) / row.length + epsilon);
  return row.map((value, at) => value * scale * (weight[at] ?? Number.NaN));
}

/** Causal attention; several query heads share one key and value head. Rows are tokens, heads lie side by side. */
function attention(
  queries: readonly Row[],
  keys: readonly Row[],
  values: readonly Row[],
  config: LlamaConfig,
): Row[] {
  const { head_dim: width, num_attention_heads: heads, num_key_value_heads: shared } = config;
  const headOf = (row: Row | undefined, head: number): Row =>
    (row ?? new Float64Array()).subarray(head * width, (head + 1) * width);
  return queries.map((query, token) => {
    const out = new Float64Array(heads * width);
    for (let head = 0; head < heads; head += 1) {
      const from = Math.floor((head * shared) / heads);
      const asked = rotated(headOf(query, head), token, config);
      const scores = Array.from(
        { length: token + 1 },
        (_, at) => dot(asked, rotated(headOf(keys[at], from), at, config)) / Math.sqrt(width),
      );
      const largest = Math.max(...scores);
      const shares = scores.map((score) => Math.exp(score - largest));
      const total = shares.reduce((a, b) => a + b, 0);
      for (const [at, share] of shares.entries())
        headOf(values[at], from).forEach((value, k) => {
          out[head * width + k] = (out[head * width + k] ?? 0) + (share / total) * value;
        });
    }
    return out;
  });
}

/** Rotary position: element k of a head turns together with element k + width/2. */
function rotated(head: Row, position: number, { rope_parameters }: LlamaConfig): Row {
  const half = head.length / 2;
  return head.map((value, at) => {
    const k = at % half;
    const angle = position * rope_parameters.rope_theta ** (-k / half);
    const partner = at < half ? -(head[at + half] ?? Number.NaN) : (head[at - half] ?? Number.NaN);
    return value * Math.cos(angle) + partner * Math.sin(angle);
  });
}
