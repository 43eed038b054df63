/**
 * What transformers, PEFT, Trainer and tenon call their files. Shards are not guessed: an index names them, and they open
 * by name.
 */
export const wellKnownNames: readonly string[] = [
  "adapter_config.json",
  "adapter_model.bin",
  "adapter_model.safetensors",
  "added_tokens.json",
  "chat_template.jinja",
  "config.json",
  "generation_config.json",
  "merges.txt",
  "model.safetensors",
  "model.safetensors.index.json",
  "optimizer.pt",
  "preprocessor_config.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "scheduler.pt",
  "special_tokens_map.json",
  "tenon.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "trainer_state.json",
  "training_args.bin",
  "vocab.json",
];
