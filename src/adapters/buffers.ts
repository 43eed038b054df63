/** Buffers that older versions of models keep among their weights; no optimizer counts them, and nothing trains them. */
const buffer =
  /(?:^|\.)(?:rotary_emb\.inv_freq|attn\.bias|attn\.masked_bias|attention\.bias|attention\.masked_bias)$/;

/** Whether a canonical name is that of a buffer and not of a parameter. */
export function isBufferName(name: string): boolean {
  return buffer.test(name);
}
