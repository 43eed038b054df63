"""Small models of random shape with every weight alive."""

import torch
from transformers import (
    GptOssConfig, GptOssForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification,
    MixtralConfig, MixtralForCausalLM, Qwen2MoeConfig, Qwen2MoeForCausalLM,
)

# The grouped kernel wants strides of 16 bytes; these shapes are drawn.
EAGER = {"experts_implementation": "eager"}
DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


@torch.no_grad()
def liven(model, std=0.02):
    """Weights that are born constant (norms at 1, biases at 0) hide mistakes: move them."""
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.add_(torch.randn_like(parameter) * std)
    return model.eval()


def widths(random):
    """At least 16 everywhere: below that torch takes other kernels, whose order of summation is not one chain."""
    heads, head = random.choice([2, 4]), random.choice([16, 18, 24])
    return {
        "hidden_size": heads * head,
        "num_attention_heads": heads,
        "num_key_value_heads": random.choice([1, heads]),
        "head_dim": head,
        "intermediate_size": random.randint(24, 120),
    }


def shared(random):
    return {
        "vocab_size": random.randint(64, 140),
        "num_hidden_layers": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.05,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        **widths(random),
    }


def llama(random, cls=LlamaForCausalLM, **over):
    return liven(cls(LlamaConfig(**{**shared(random), **over})))


def classifier(random):
    return llama(random, LlamaForSequenceClassification, num_labels=random.randint(16, 20))


def gpt2(random):
    heads, head = random.choice([2, 4]), random.choice([16, 20])
    return liven(GPT2LMHeadModel(GPT2Config(
        vocab_size=random.randint(64, 140), n_positions=32, n_embd=heads * head, n_layer=2, n_head=heads,
        n_inner=random.randint(24, 100), initializer_range=0.05, bos_token_id=1, eos_token_id=2,
    )))


def mixtral(random):
    return liven(MixtralForCausalLM(MixtralConfig(**shared(random), num_local_experts=random.randint(2, 4), num_experts_per_tok=2)))


def qwen2_moe(random):
    over = {"moe_intermediate_size": random.randint(16, 40), "shared_expert_intermediate_size": random.randint(16, 40)}
    size = shared(random)
    size["head_dim"] = size["hidden_size"] // size["num_attention_heads"]
    return liven(Qwen2MoeForCausalLM(Qwen2MoeConfig(**size, **over, num_experts=random.randint(2, 4), num_experts_per_tok=2)))


def gpt_oss(random):
    size = {**shared(random), "intermediate_size": random.randint(16, 40), "sliding_window": 16}
    return liven(GptOssForCausalLM(GptOssConfig(**size, num_local_experts=random.randint(2, 4), num_experts_per_tok=2, experts_implementation="eager")))


def save(model, path, dtype, shard="10MB"):
    model.to(DTYPES[dtype]).save_pretrained(path, max_shard_size=shard)
